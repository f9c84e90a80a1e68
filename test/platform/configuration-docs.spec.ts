import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { environmentSchema } from '@tollbox/platform/config/config';
import { describeVariables, environmentExample, withConfigurationTable } from '@tollbox/platform/config/config-table';

const root = path.join(__dirname, '..', '..');
const names = Object.keys(environmentSchema.shape);

describe('the documentation of the configuration', () => {
  it('describes every variable: what it means, and its default or that it is required', () => {
    const described = describeVariables();
    expect(described.map(({ name }) => name)).toEqual(names);
    for (const { name, meaning } of described) expect([name, meaning]).toEqual([name, expect.stringMatching(/^\S.{8,}$/)]);
    expect(described.filter(({ required }) => required).map(({ name }) => name)).toEqual(['DATABASE_URL', 'RPC_URL', 'PAY_TO']);
    expect(described.find(({ name }) => name === 'PORT')).toMatchObject({ defaultText: '4020', values: '0 to 65535' });
    expect(described.find(({ name }) => name === 'X402_NETWORK')).toMatchObject({ values: '`base`, `base-sepolia`' });
  });

  it.each([
    ['README.md', withConfigurationTable],
    ['.env.example', environmentExample],
  ])('is in %s as it is in the code (UPDATE_DOCS=1 with this spec renews it)', (name, render) => {
    const file = path.join(root, name);
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, render(existsSync(file) ? readFileSync(file, 'utf8') : ''));
    const written = readFileSync(file, 'utf8');
    expect(written).toBe(render(written));
  });
});
