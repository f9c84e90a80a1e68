import { chooseRuntime } from './engine-facts';

describe('chooseRuntime', () => {
  it.each([
    ['docker', { DefaultRuntime: 'runc', Runtimes: { runc: {}, runsc: {} } }, { runtime: 'runsc', isolation: 'gvisor' }],
    ['docker', { DefaultRuntime: 'runsc', Runtimes: { runc: {}, runsc: {} } }, { runtime: null, isolation: 'gvisor' }],
    ['docker', { DefaultRuntime: 'runc', Runtimes: { runc: {} } }, { runtime: null, isolation: 'shared-kernel' }],
    [
      'podman',
      { DefaultRuntime: 'runc', Runtimes: { runc: {}, runsc: { path: '/usr/bin/runsc' } } },
      { runtime: null, isolation: 'shared-kernel' },
    ],
    ['podman', { DefaultRuntime: '/usr/local/bin/runsc' }, { runtime: null, isolation: 'gvisor' }],
    ['podman', {}, { runtime: null, isolation: 'shared-kernel' }],
  ] as const)('on %s with %j is %j', (kind, info, expected) => {
    expect(chooseRuntime(kind, info)).toEqual(expected);
  });
});
