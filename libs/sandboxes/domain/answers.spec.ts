import {
  createAnswer,
  createAnswerSchema,
  execAnswer,
  execAnswerSchema,
  isoMicros,
  statusAnswer,
  statusAnswerSchema,
} from './answers';
import type { Sandbox } from './sandbox';

const sandbox: Sandbox = {
  id: 'sb-SKt5nLL9syMDmcmMTMfhHP',
  owner: '0x1',
  state: 'running',
  desiredState: 'running',
  reason: null,
  operationId: 'op',
  provider: 'container',
  providerRef: 'c1',
  isolation: 'gvisor',
  networkPolicy: 'none',
  image: 'python:3.11',
  imageDigest: null,
  cpuMillis: 250,
  memoryMiB: 512,
  gpu: null,
  lifetimeMs: 60_000,
  deadlineAt: new Date('2026-04-09T16:17:27.857Z'),
  ghostSightings: 0,
  returncode: null,
  createdAt: new Date('2026-04-09T16:16:27.857Z'),
  startedAt: new Date('2026-04-09T16:16:27.857Z'),
  name: null,
  tags: {},
  idleTimeoutMs: null,
  network: null,
  ports: [],
  envNames: [],
  endedAt: null,
};
const before = sandbox.deadlineAt.getTime() - 1;

describe('answers', () => {
  it('have the keys, types and times of BlockRun', () => {
    expect(createAnswer(sandbox)).toEqual({
      sandbox_id: 'sb-SKt5nLL9syMDmcmMTMfhHP',
      status: 'running',
      created_at: '2026-04-09T16:16:27.857000+00:00',
      config: { image: 'python:3.11', timeout: 60, cpu: 0.25, memory: 512, gpu: null },
      isolation: 'gvisor',
      network: 'none',
      expires_at: '2026-04-09T16:17:27.857000+00:00',
    });
    expect(new Date(isoMicros(sandbox.createdAt))).toEqual(sandbox.createdAt);
  });

  it('say terminated once the sold time is over, whoever has noticed it', () => {
    expect(statusAnswer(sandbox, before)).toMatchObject({ status: 'running', returncode: null, reason: null });
    expect(statusAnswer(sandbox, before + 1)).toMatchObject({ status: 'terminated', returncode: null, reason: 'deadline' });
    const finished: Sandbox = {
      ...sandbox,
      state: 'finished',
      desiredState: 'terminated',
      reason: 'out_of_memory',
      returncode: 137,
    };
    expect(statusAnswer(finished, before)).toMatchObject({ status: 'terminated', returncode: 137, reason: 'out_of_memory' });
    expect(statusAnswer({ ...sandbox, desiredState: 'terminated', reason: 'operator' }, before)).toMatchObject({
      status: 'terminated',
    });
  });

  it('follow the schemas that the documentation shows', () => {
    const output = { bytes: Buffer.from('4\n\0'), totalBytes: 3, truncated: false, sha256: '' };
    const result = { returncode: 0, timedOut: false, stdout: output, stderr: output, durationMs: 12 };
    const answer = execAnswer(sandbox.id, result);
    expect(answer).toMatchObject({ stdout: '4\n\0', returncode: 0 });
    expect(execAnswerSchema.strict().parse(answer)).toEqual(answer);
    expect(createAnswerSchema.strict().parse(createAnswer(sandbox))).toEqual(createAnswer(sandbox));
    expect(statusAnswerSchema.strict().parse(statusAnswer(sandbox, before))).toEqual(statusAnswer(sandbox, before));
  });
});
