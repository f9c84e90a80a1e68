import type { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { testRuntimes } from '../support/stack';
import { Inside, patient, testContainerProvider } from './inside';

/** The engine itself opens some files of a sandbox; code inside must not be able to trap it there. */
describe.each(testRuntimes())('code in a sandbox cannot trap the engine, %s runtime', (runtime) => {
  let provider: ContainerProvider;
  beforeAll(async () => {
    provider = await testContainerProvider({}, runtime);
  });
  afterAll(async () => {
    await provider.close();
  });

  it.each([
    ['a FIFO for passwd', 'rm -f /etc/passwd; mkfifo /etc/passwd'],
    ['a FIFO for group', 'rm -f /etc/group; mkfifo /etc/group'],
    ['another /etc', 'mv /etc /etc2; mkdir /etc; mkfifo /etc/passwd /etc/group'],
    ['an endless device for passwd', 'ln -sf /dev/zero /etc/passwd'],
  ])('with %s', async (_, attack) => {
    const inside = await Inside.open(provider);
    await inside.run(['sh', '-c', attack]);
    expect(await inside.run(['echo', 'alive'])).toMatchObject({ returncode: 0 });
    expect(await provider.inspect(inside.handle, patient())).toEqual({ kind: 'running' });
    await inside.close();
    expect(await provider.inspect(inside.handle, patient())).toEqual({ kind: 'not_found' });
  });

  it('nor write to files of /etc that lie on the disk of the host', async () => {
    const inside = await Inside.open(provider);
    const files = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/etc/passwd', '/etc/group'];
    const script = `answer([opened(path, os.O_WRONLY) for path in ${JSON.stringify(files)}])`;
    expect(await inside.python<string[]>(script)).toEqual(files.map(() => 'EROFS'));
    await inside.close();
  });
});
