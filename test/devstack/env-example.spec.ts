import { readFileSync } from 'node:fs';
import path from 'node:path';
import { environmentSchema, loadConfig } from '@tollbox/platform/config/config';

const lines = readFileSync(path.join(__dirname, '../../.env.example'), 'utf8').split('\n');
const set = new Map(
  lines.flatMap((line) =>
    /^(?:# )?[A-Z0-9_]+=/.test(line) ? [line.replace(/^# /, '').split(/=(.*)/s) as [string, string]] : [],
  ),
);

describe('.env.example', () => {
  it('names every variable of the configuration, and no other', () => {
    expect([...set.keys()].sort()).toEqual(Object.keys(environmentSchema.shape).sort());
  });

  it('gives each variable that has a default that default', () => {
    const required = { DATABASE_URL: 'postgresql://u@h/d', RPC_URL: 'http://h', PAY_TO: `0x${'1'.repeat(40)}` };
    const withDefaults = Object.fromEntries([...set].filter(([name, value]) => value !== '' && !(name in required)));
    expect(loadConfig({ ...withDefaults, ...required })).toEqual(loadConfig(required));
  });
});
