import { Pool } from 'pg';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { InstallationService } from '@tollbox/platform/installation/installation.service';
import { startTestApp, type TestApp } from '../platform/support/test-app';

describe('draining by an operator', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startTestApp();
  });
  afterAll(() => test.close());

  const audit = async () =>
    (
      await test.app
        .get<Pool>(PG_POOL)
        .query<Record<string, unknown>>(
          "SELECT actor_kind, actor, action, subject_kind, subject, outcome, detail, request_id, ip FROM audit_log WHERE action LIKE 'installation.%' ORDER BY id",
        )
    ).rows;

  it('drains and undrains, and records who did it under which request', async () => {
    const { token, id } = await test.key('operator');
    const call = (url: string) => test.app.inject({ method: 'POST', url, headers: { authorization: `Bearer ${token}` } });
    const drained = await call('/admin/drain');
    expect([drained.statusCode, drained.json()]).toEqual([
      200,
      { draining: true, drained_at: expect.stringMatching(/Z$/), drained_by: 'spec operator' },
    ]);
    expect(await test.app.get(InstallationService).isDraining()).toBe(true);
    const undrained = await call('/admin/undrain');
    expect([undrained.statusCode, undrained.json()]).toEqual([200, { draining: false, drained_at: null, drained_by: null }]);
    const entry = {
      actor_kind: 'staff',
      actor: id,
      subject_kind: 'installation',
      subject: test.app.get(InstallationService).id,
      outcome: 'ok',
      detail: { name: 'spec operator', role: 'operator' },
      ip: '127.0.0.1',
    };
    expect(await audit()).toEqual([
      { ...entry, action: 'installation.drain', request_id: drained.headers['x-request-id'] },
      { ...entry, action: 'installation.undrain', request_id: undrained.headers['x-request-id'] },
    ]);
  });

  it('does not happen when it cannot be recorded', async () => {
    const { token } = await test.key('operator');
    const owner = new Pool({ connectionString: test.database.url, max: 1 });
    await owner.query('ALTER TABLE audit_log ADD CONSTRAINT spec_no_entries CHECK (false) NOT VALID');
    try {
      const answer = await test.app.inject({
        method: 'POST',
        url: '/admin/drain',
        headers: { authorization: `Bearer ${token}` },
      });
      expect(answer.statusCode).toBe(500);
      expect(await test.app.get(InstallationService).isDraining()).toBe(false);
    } finally {
      await owner.query('ALTER TABLE audit_log DROP CONSTRAINT spec_no_entries');
      await owner.end();
    }
  });
});
