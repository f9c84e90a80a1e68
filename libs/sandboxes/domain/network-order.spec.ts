import { NEVER_REACHED, networkOrderSchema } from './network-order';

const schema = networkOrderSchema({ maxCidrs: 3, maxDomains: 2, allowedRanges: ['10.20.0.0/16'] });
const problem = (network: unknown): string => {
  const parsed = schema.safeParse(network);
  return parsed.success ? '' : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
};
const listed = (...cidrs: string[]) => ({ policy: 'allow_list', cidrs });
const named = (...domains: string[]) => ({ policy: 'allow_list', domains });

describe('the network of a create', () => {
  it.each([
    [{ policy: 'none' }],
    [{ policy: 'public' }],
    [listed('203.0.113.0/24', '198.51.100.7', '2001:db8::/32')],
    [named('pypi.org', '*.python-hosted.org')],
    [{ policy: 'allow_list', cidrs: ['203.0.113.0/24'], domains: ['xn--bcher-kva.example'] }],
  ])('takes %j', (network) => {
    expect(problem(network)).toBe('');
  });

  const badNames = [
    'localhost',
    '203.0.113.7',
    'a..example',
    '-a.example',
    'A.example',
    '*',
    '*.*.example',
    'a.*.example',
    '*.com\n',
    'a_b.example',
    'a.example.',
  ];
  it.each<[unknown, string]>([
    [{}, 'policy'],
    [{ policy: 'open' }, 'policy'],
    [{ policy: 'public', hosts: [] }, 'Unrecognized key'],
    [{ policy: 'allow_list' }, 'at least one'],
    [{ policy: 'public', cidrs: ['203.0.113.0/24'] }, 'allow_list only'],
    [{ policy: 'none', domains: ['pypi.org'] }, 'allow_list only'],
    [listed('203.0.113.1/24'), 'Not a CIDR'],
    [listed('pypi.org'), 'Not a CIDR'],
    [listed('203.0.113.0/24', '203.0.114.0/24', '203.0.115.0/24', '203.0.116.0/24'), 'cidrs'],
    [named('a.example', 'b.example', 'c.example'), 'domains'],
    ...badNames.map((name): [unknown, string] => [named(name), 'Not a lower-case domain']),
    [named(`${'a'.repeat(64)}.example`), 'Not a lower-case domain'],
    [named(`${'a.'.repeat(130)}example`), 'domains'],
  ])('refuses %j', (network, text) => {
    expect(problem(network)).toContain(text);
  });

  it.each([
    ...NEVER_REACHED,
    '0.0.0.0/0',
    '::/0',
    '8.0.0.0/6',
    '127.0.0.1',
    '169.254.169.254',
    'fd00:ec2::254',
    '::1',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '192.168.1.0/24',
    '10.21.0.0/16',
  ])('never lets a sandbox reach %s', (cidr) => {
    expect(problem(listed(cidr))).toContain('no sandbox may reach');
  });

  it('lets it reach a private range that the operator allows, and no more', () => {
    expect(problem(listed('10.20.0.0/16', '10.20.7.0/24'))).toBe('');
    expect(problem(listed('10.20.0.0/15'))).toContain('no sandbox may reach');
  });
});
