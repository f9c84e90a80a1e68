import {
  ClientClosedError,
  ConflictError,
  InvalidError,
  NotFoundError,
  ResourceExhaustedError,
  SandboxTimeoutError,
  TimeoutError,
} from 'modal';
import { ClientError, Status } from 'nice-grpc';
import { ProviderError } from '../../application/ports/provider';
import { toCreateError, toProviderError } from './errors';

const CREATE = '/modal.client.ModalClient/SandboxCreateV2';

describe('a failure of the SDK', () => {
  it.each<[keyof typeof Status, string]>([
    ['NOT_FOUND', 'not_found'],
    ['INVALID_ARGUMENT', 'invalid'],
    ['OUT_OF_RANGE', 'invalid'],
    ['UNAUTHENTICATED', 'misconfigured'],
    ['PERMISSION_DENIED', 'misconfigured'],
    ['RESOURCE_EXHAUSTED', 'rate_limited'],
    ['UNAVAILABLE', 'unavailable'],
    ['ABORTED', 'unavailable'],
    ['CANCELLED', 'unavailable'],
    ['DEADLINE_EXCEEDED', 'timeout'],
    ['INTERNAL', 'internal'],
    ['UNKNOWN', 'internal'],
    ['FAILED_PRECONDITION', 'internal'],
    ['ALREADY_EXISTS', 'internal'],
    ['UNIMPLEMENTED', 'internal'],
    ['DATA_LOSS', 'internal'],
  ])('of gRPC code %s is %s', (code, kind) => {
    const error = new ClientError('/modal.client.ModalClient/SandboxListV2', Status[code], 'because');
    expect(toProviderError(error, 'list')).toMatchObject({ kind, message: `Modal list: ${code} because`, cause: error });
  });

  it.each<[Error, string]>([
    [new NotFoundError('x'), 'not_found'],
    [new ConflictError('x'), 'gone'],
    [new InvalidError('x'), 'invalid'],
    [new TimeoutError('x'), 'timeout'],
    [new SandboxTimeoutError('x'), 'timeout'],
    [new ClientClosedError('x'), 'unavailable'],
    [new ResourceExhaustedError('x'), 'unavailable'],
    [new Error('Deadline exceeded while waiting for exec e'), 'timeout'],
    [new Error('Profile is missing credentials. Please set them'), 'misconfigured'],
    [new Error('Image build for im-1 failed with the exception:\nno'), 'misconfigured'],
    [new Error('Image build for im-1 timed out. Please try again'), 'unavailable'],
    [new Error('Image build for im-1 terminated due to external shut-down.'), 'unavailable'],
    [new Error('something new'), 'internal'],
  ])('%s is %s', (error, kind) => {
    expect(toProviderError(error, 'call').kind).toBe(kind);
  });

  it('that is a ProviderError already stays what it is', () => {
    const error = new ProviderError('gone', 'x');
    expect(toProviderError(error, 'exec')).toBe(error);
  });

  it('says when to come back after the rate limit and when there is no room', () => {
    expect(toProviderError(new ClientError(CREATE, Status.RESOURCE_EXHAUSTED, ''), 'create').retryAfterMs).toBe(1_000);
    expect(toProviderError(new ResourceExhaustedError('x'), 'create').retryAfterMs).toBe(10_000);
  });
});

describe('a failed create', () => {
  it.each(['UNAVAILABLE', 'INTERNAL', 'UNKNOWN', 'CANCELLED', 'DEADLINE_EXCEEDED', 'ABORTED'] as const)(
    'has an unknown outcome after %s',
    (code) => {
      expect(toCreateError(new ClientError(CREATE, Status[code], '')).kind).toBe('timeout');
    },
  );

  it.each([
    ['RESOURCE_EXHAUSTED', 'rate_limited'],
    ['UNAUTHENTICATED', 'misconfigured'],
    ['INVALID_ARGUMENT', 'invalid'],
  ] as const)('has made nothing after %s', (code, kind) => {
    expect(toCreateError(new ClientError(CREATE, Status[code], '')).kind).toBe(kind);
  });

  it('has made nothing when another call failed', () => {
    expect(toCreateError(new ClientError('/modal.client.ModalClient/AuthTokenGet', Status.UNAVAILABLE, '')).kind).toBe(
      'unavailable',
    );
  });

  it('may exist when it could not be seen to be scheduled', () => {
    expect(toCreateError(new ClientError('/modal.client.ModalClient/SandboxGetTaskId', Status.UNAVAILABLE, '')).kind).toBe(
      'timeout',
    );
  });

  it('is worth another try when the sandbox ended before it was scheduled', () => {
    expect(toCreateError(new ConflictError('finished')).kind).toBe('unavailable');
  });
});
