import { ProviderError } from '../../application/ports/provider';
import { type ModalProviderOptions, modalSettings } from './settings';

const ignore = (): void => undefined;
const options: ModalProviderOptions = {
  tokenId: 'ak-1',
  tokenSecret: 'as-1',
  appName: 'tollbox',
  images: ['python:3.11'],
  logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
};

function problemOf(changes: Partial<ModalProviderOptions>, serverUrl?: string): string {
  try {
    modalSettings({ ...options, ...changes }, serverUrl);
    return '';
  } catch (error) {
    if (error instanceof ProviderError && error.kind === 'misconfigured') return error.message;
    throw error;
  }
}

describe('the settings of the Modal provider', () => {
  it('have defaults for everything that an account does not decide', () => {
    expect(modalSettings(options, undefined)).toMatchObject({
      cpuPerVcpu: 0.5,
      maxThrottleWaitS: 10,
      imageReferences: {},
      environment: undefined,
    });
  });

  it.each<[string, Partial<ModalProviderOptions>]>([
    ['tokenId', { tokenId: '' }],
    ['tokenSecret', { tokenSecret: 'as 1' }],
    ['appName', { appName: 'no/slash' }],
    ['appName', { appName: 'x'.repeat(64) }],
    ['images', { images: [] }],
    ['imageReferences', { imageReferences: { 'python:3.12': 'python:3.12' } }],
    ['cpuPerVcpu', { cpuPerVcpu: 0 }],
    ['cpuPerVcpu', { cpuPerVcpu: Number.NaN }],
    ['maxThrottleWaitS', { maxThrottleWaitS: 0 }],
    ['exitMarginMs', { exitMarginMs: 0 }],
    ['maxIdleHandles', { maxIdleHandles: -1 }],
    ['createsPerSecond', { createsPerSecond: 0 }],
    ['createQueueLength', { createQueueLength: 0 }],
  ])('refuse a bad %s: %j', (name, changes) => {
    expect(problemOf(changes)).toContain(name);
  });

  it('list every problem at once', () => {
    expect(problemOf({ tokenId: '', images: [] })).toMatch(/tokenId.*images/);
  });

  it('never repeat a credential', () => {
    expect(problemOf({ tokenSecret: 'as secret' })).not.toContain('as secret');
  });

  it.each([undefined, '', 'https://api.modal.com:443', 'http://127.0.0.1:5000', 'http://localhost:5000'])(
    'accept the server %s',
    (url) => {
      expect(problemOf({}, url)).toBe('');
    },
  );

  it.each(['http://api.modal.com', 'nonsense', 'ftp://127.0.0.1', 'http://127.0.0.1.example.com'])(
    'refuse the server %s',
    (url) => {
      expect(problemOf({}, url)).toContain('MODAL_SERVER_URL');
    },
  );
});
