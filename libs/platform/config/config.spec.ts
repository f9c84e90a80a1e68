import { ConfigurationError, environmentSchema, loadConfig, refuseDevKeysOnRealChain } from './config';
import { devPrivateKey } from './dev-keys';

const required = {
  DATABASE_URL: 'postgresql://127.0.0.1/tollbox',
  RPC_URL: 'http://127.0.0.1:8545',
  PAY_TO: `0x${'aB'.repeat(20)}`,
};

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('needs three variables and has a default for the rest', () => {
    expect(loadConfig(required)).toMatchObject({
      HOST: '127.0.0.1',
      PORT: 4020,
      X402_NETWORK: 'base-sepolia',
      PRICE_CREATE_ATOMIC: 10_000n,
    });
    expect(loadConfig(required).PAY_TO).toBe(`0x${'ab'.repeat(20)}`);
  });

  it('lists every bad variable at once', () => {
    const problems = problemsOf({
      PORT: '70000',
      RPC_URL: 'ftp://x',
      PAY_TO: '0x1',
      TRUSTED_PROXIES: '10.0.0.0/33',
      PRICE_EXEC_ATOMIC: '0.001',
    });
    expect(problems.map((problem) => problem.split(':')[0]).sort()).toEqual([
      'DATABASE_URL',
      'PAY_TO',
      'PORT',
      'PRICE_EXEC_ATOMIC',
      'RPC_URL',
      'TRUSTED_PROXIES',
    ]);
  });

  it('takes an empty variable for an absent one', () => {
    const emptied = Object.fromEntries(Object.keys(environmentSchema.shape).map((name) => [name, '']));
    expect(loadConfig({ ...emptied, ...required })).toEqual(loadConfig(required));
  });

  it('never echoes a bad secret', () => {
    const secret = 'deadbeef'.repeat(4);
    expect(problemsOf({ ...required, SETTLEMENT_PRIVATE_KEY: secret }).join()).not.toContain(secret);
  });

  it.each([
    ['10.0.0.1', ['10.0.0.1']],
    [' 10.0.0.0/8 , ::1,fd00::/8', ['10.0.0.0/8', '::1', 'fd00::/8']],
  ])('reads trusted proxies %j', (text, expected) => {
    expect(loadConfig({ ...required, TRUSTED_PROXIES: text }).TRUSTED_PROXIES).toEqual(expected);
  });

  it.each(['true', '*', '10.0.0.0/8/8', '::1/129', 'proxy.example'])('refuses the trusted proxy %j', (text) => {
    expect(problemsOf({ ...required, TRUSTED_PROXIES: text })).toHaveLength(1);
  });

  it('refuses a key that the whole world knows on any chain but the development chain', () => {
    const config = loadConfig({ ...required, SETTLEMENT_PRIVATE_KEY: devPrivateKey(3).toUpperCase().replace('0X', '0x') });
    expect(() => refuseDevKeysOnRealChain(config, false)).toThrow(/well-known development key/);
    expect(() => refuseDevKeysOnRealChain(config, true)).not.toThrow();
  });
});
