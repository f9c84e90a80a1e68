import { ProviderError } from '../../application/ports/provider';
import { type CallPace, LocalPace } from './call-pace';

/** Where the provider writes what an operator should know. A pino logger is one. */
export interface ModalLogger {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface ModalProviderOptions {
  readonly tokenId: string;
  readonly tokenSecret: string;
  /** The Modal app that owns the sandboxes; created when it does not exist. */
  readonly appName: string;
  /** The images as sold; nothing else can be created. */
  readonly images: readonly string[];
  /** Registry reference of a sold image where it is not its name, for example pinned by digest. */
  readonly imageReferences?: Readonly<Record<string, string>>;
  readonly logger: ModalLogger;
  /** Modal cores bought for one sold vCPU. A Modal core is a physical one, 2 vCPU. Default 0.5. */
  readonly cpuPerVcpu?: number;
  /** The Modal environment; the account's default without it. */
  readonly environment?: string;
  /** How long the SDK may follow the service's requests to slow down, in whole seconds. Default 10. */
  readonly maxThrottleWaitS?: number;
  /** How long after an exec's timeout Modal may take to say so. Default 10,000. */
  readonly exitMarginMs?: number;
  /** Sandbox connections kept open when nothing uses them. Default 256. */
  readonly maxIdleHandles?: number;
  /** Creates that Modal takes per second from the account. Default 5. */
  readonly createsPerSecond?: number;
  /** Creates that may wait for their turn at once. Default 200. */
  readonly createQueueLength?: number;
  /** A create that would wait longer for its turn is refused. Default 20,000. */
  readonly createMaxWaitMs?: number;
  /** The moments of creates, shared by all processes of the installation. Default: a pace of this process alone. */
  readonly pace?: CallPace;
  /** How long `close` waits for sandboxes that were created too late to be removed. Default 5,000. */
  readonly closeGraceMs?: number;
}

export interface ModalSettings extends Required<Omit<ModalProviderOptions, 'environment'>> {
  readonly environment: string | undefined;
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Fills in the defaults and checks everything that the SDK would notice only at its first call, or never.
 * @param serverUrl `MODAL_SERVER_URL`, which the SDK reads by itself.
 * @throws ProviderError `misconfigured` that lists every problem.
 */
export function modalSettings(options: ModalProviderOptions, serverUrl: string | undefined): ModalSettings {
  const createsPerSecond = options.createsPerSecond ?? 5;
  const settings: ModalSettings = {
    ...options,
    imageReferences: options.imageReferences ?? {},
    cpuPerVcpu: options.cpuPerVcpu ?? 0.5,
    environment: options.environment,
    maxThrottleWaitS: options.maxThrottleWaitS ?? 10,
    exitMarginMs: options.exitMarginMs ?? 10_000,
    maxIdleHandles: options.maxIdleHandles ?? 256,
    createsPerSecond,
    createQueueLength: options.createQueueLength ?? 200,
    createMaxWaitMs: options.createMaxWaitMs ?? 20_000,
    pace: options.pace ?? new LocalPace(1_000 / createsPerSecond),
    closeGraceMs: options.closeGraceMs ?? 5_000,
  };
  const problems = [
    ...[
      ['tokenId', settings.tokenId],
      ['tokenSecret', settings.tokenSecret],
    ].flatMap(([name = '', value = '']) => (/^\S+$/.test(value) ? [] : [`${name} is missing or has a space in it`])),
    ...(/^[A-Za-z0-9._-]{1,63}$/.test(settings.appName) ? [] : ['appName is not a Modal name ([A-Za-z0-9._-], 63 characters)']),
    ...(settings.images.length > 0 ? [] : ['images is empty']),
    ...Object.keys(settings.imageReferences).flatMap((image) =>
      settings.images.includes(image) ? [] : [`imageReferences names ${image}, which is not sold`],
    ),
    ...(settings.cpuPerVcpu > 0 && settings.cpuPerVcpu <= 4 ? [] : ['cpuPerVcpu is not between 0 and 4']),
    ...(Number.isInteger(settings.maxThrottleWaitS) && settings.maxThrottleWaitS > 0
      ? []
      : ['maxThrottleWaitS is not a positive whole number']),
    ...(settings.exitMarginMs > 0 ? [] : ['exitMarginMs is not positive']),
    ...(settings.maxIdleHandles >= 0 ? [] : ['maxIdleHandles is negative']),
    ...(createsPerSecond > 0 ? [] : ['createsPerSecond is not positive']),
    ...(settings.createQueueLength > 0 ? [] : ['createQueueLength is not positive']),
    ...serverUrlProblems(serverUrl),
  ];
  if (problems.length > 0)
    throw new ProviderError('misconfigured', `the Modal provider is misconfigured: ${problems.join('; ')}`);
  return settings;
}

/** Credentials travel to the server in clear text over http, so http is for loopback only. */
function serverUrlProblems(serverUrl: string | undefined): string[] {
  if (serverUrl === undefined || serverUrl === '') return [];
  if (!URL.canParse(serverUrl)) return ['MODAL_SERVER_URL is not a URL'];
  const { protocol, hostname } = new URL(serverUrl);
  if (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname))) return [];
  return ['MODAL_SERVER_URL is neither https nor on loopback'];
}
