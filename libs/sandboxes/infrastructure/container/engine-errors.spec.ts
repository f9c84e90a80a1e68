import { ProviderError } from '../../application/ports/provider';
import { hasVanished, isNotRunning, isUnknownContainer, startFailureCode, toProviderError } from './engine-errors';

/** As the client library makes it: its own guess first, then the engine's words. */
const answered = (statusCode: number, guess: string, message: string) =>
  Object.assign(new Error(`(HTTP code ${statusCode}) ${guess} - ${message} `), { statusCode, json: { message } });

describe('what an engine says', () => {
  it('knows no container only by its own words', () => {
    expect(isUnknownContainer(answered(404, 'no such container', 'No such container: abc'))).toBe(true);
    expect(
      isUnknownContainer(answered(404, 'no such container', 'no container with name or ID "abc" found: no such container')),
    ).toBe(true);
    expect(isUnknownContainer(answered(404, 'no such exec', 'no exec session with ID abc found: no such exec session'))).toBe(
      true,
    );
    expect(isUnknownContainer(answered(404, 'no such container', 'page not found'))).toBe(false);
    expect(
      isUnknownContainer(
        Object.assign(new Error('(HTTP code 404) no such container - '), { statusCode: 404, json: Buffer.from('') }),
      ),
    ).toBe(false);
    expect(isUnknownContainer(answered(500, 'server error', 'No such container: abc'))).toBe(false);
    expect(isUnknownContainer(new Error('no such container'))).toBe(false);
  });

  it('knows a container that is being removed, and one that does not run', () => {
    expect(hasVanished(answered(500, 'server error', 'container abc does not exist in database: no such container'))).toBe(true);
    expect(hasVanished(answered(500, 'server error', 'database is locked'))).toBe(false);
    expect(isNotRunning(answered(409, 'container stopped/paused', 'Container abc is not running'))).toBe(true);
    const podman = 'can only create exec sessions on running containers: container state improper';
    expect(isNotRunning(answered(500, 'server error', podman))).toBe(true);
    expect(isNotRunning(answered(500, 'container not running', 'database is locked'))).toBe(false);
  });

  it('knows a command that cannot start', () => {
    expect(
      startFailureCode(answered(400, 'bad parameter', 'OCI runtime exec failed: exec: "x": executable file not found in $PATH')),
    ).toBe(127);
    expect(startFailureCode(answered(500, 'server error', 'runc: exec failed: exec: "/etc": permission denied'))).toBe(126);
    expect(startFailureCode(answered(500, 'server error', 'database is locked'))).toBeNull();
    expect(startFailureCode(new Error('exec: permission denied'))).toBeNull();
  });

  it.each([
    ['misconfigured', answered(404, 'no such container', 'No such image: localhost/x:1')],
    ['misconfigured', answered(500, 'server error', 'opening seccomp profile failed: open /x: no such file or directory')],
    ['invalid', answered(400, 'bad parameter', 'Range of CPUs is from 0.01 to 2.00')],
    ['misconfigured', answered(403, 'unexpected', 'denied by policy')],
    ['rate_limited', answered(429, 'unexpected', 'slow down')],
    ['unavailable', answered(503, 'unexpected', 'restarting')],
    ['unavailable', answered(500, 'server error', 'write /var/lib: no space left on device')],
    ['internal', answered(500, 'server error', 'database is locked')],
    ['not_found', answered(404, 'no such container', 'No such container: abc')],
    ['unavailable', Object.assign(new Error('connect ENOENT /x.sock'), { code: 'ENOENT' })],
    ['unavailable', Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })],
    ['timeout', new DOMException('aborted', 'AbortError')],
    ['internal', 'a string'],
  ])('is %s: %s', (kind, error) => {
    const mapped = toProviderError(error, 'create');
    expect(mapped).toBeInstanceOf(ProviderError);
    expect(mapped.kind).toBe(kind);
    expect(mapped.cause).toBe(error);
  });

  it('keeps what is in the port’s words already', () => {
    const error = new ProviderError('gone', 'x');
    expect(toProviderError(error, 'exec')).toBe(error);
  });
});
