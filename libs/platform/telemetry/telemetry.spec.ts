import pino from 'pino';
import { loadConfig } from '../config/config';
import { maskSecrets } from './secrets';
import { loggerParams } from './telemetry.module';

const SECRET_KEY = `0x${'c0ffee00'.repeat(8)}` as const;
const config = loadConfig({
  DATABASE_URL: 'postgresql://tollbox:p%40ss-word@127.0.0.1:5432/tollbox',
  RPC_URL: 'https://rpc.example/v2/AbCdEf123456?token=querysecret',
  PAY_TO: `0x${'1'.repeat(40)}`,
  SETTLEMENT_PRIVATE_KEY: SECRET_KEY,
  MODAL_TOKEN_SECRET: 'as-modal-secret',
});
const staffKey = `tb_${'k'.repeat(43)}`;

/** What the process's logger writes for `log`. */
function written(log: (logger: pino.Logger) => void): string {
  const lines: string[] = [];
  const { pinoHttp } = loggerParams(config, 'test', { write: (line: string) => lines.push(line) });
  log((pinoHttp as { logger: pino.Logger }).logger);
  return lines.join('');
}

describe('the log', () => {
  it.each([
    ['the settlement key', SECRET_KEY, 'c0ffee00'],
    ['the settlement key without its prefix', SECRET_KEY.slice(2), 'c0ffee00'],
    ["the database's login", 'tollbox:p%40ss-word@', 'p%40ss-word'],
    ["the database's decoded login", 'tollbox:p@ss-word@', 'p@ss-word'],
    ['the key in the path of the RPC endpoint', 'POST https://rpc.example/v2/AbCdEf123456?token=querysecret', 'AbCdEf123456'],
    ['a query parameter of the RPC endpoint', 'token querysecret', 'querysecret'],
    ['the Modal secret', 'as-modal-secret', 'as-modal-secret'],
    ['a staff key', staffKey, 'kkkk'],
  ])('never shows %s, in a text, an error or its cause', (_name, text, forbidden) => {
    const output = written((logger) => {
      logger.info(`text ${text} text`);
      logger.error({ err: new Error('outer', { cause: new Error(`inner ${text}`) }), msg: 'failed' });
    });
    expect(output).toContain('outer');
    expect(output).not.toContain(forbidden);
  });

  it('hides payment and authorization headers of whatever is logged', () => {
    const headers = { 'payment-signature': 'PAID2', 'x-payment': 'PAID1', authorization: 'Bearer abc', accept: 'text/plain' };
    const output = written((logger) => logger.info({ headers, req: { headers }, payment: { signature: '0xSIGNED' } }));
    expect(output).toContain('text/plain');
    for (const hidden of ['PAID1', 'PAID2', 'Bearer abc', '0xSIGNED']) expect(output).not.toContain(hidden);
  });

  it('stays one line of JSON that names the process', () => {
    expect(JSON.parse(written((logger) => logger.warn({ requestId: 'r' }, 'hello')))).toMatchObject({
      process: 'test',
      requestId: 'r',
      msg: 'hello',
    });
  });

  it('leaves other texts alone', () => {
    expect(maskSecrets(config)('tollbox payment tb_short 0xabc')).toBe('tollbox payment tb_short 0xabc');
  });
});
