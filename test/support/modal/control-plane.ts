import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CallContext,
  createServer,
  type Server,
  ServerError,
  type ServiceImplementation,
  Status,
  type TsProtoServiceDefinition,
} from 'nice-grpc';
import { AccessTokens } from './access-tokens';
import { Faults } from './faults';
import type { Handler, Handlers } from './handlers';
import { LocalImages } from './local-images';
import { LocalSandboxes } from './local-sandboxes';
import type { SandboxDefinition, Tag } from './messages';
import { loadServiceDefinitions } from './service-definitions';
import { commandRouterHandlers, controlPlaneHandlers } from './services';

const MAX_MESSAGE_BYTES = 100 << 20;
const LOST_ANSWER = 'Connection dropped';

export interface ControlPlaneOptions {
  readonly tokenId?: string;
  readonly tokenSecret?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
}

export interface RecordedCall {
  readonly method: string;
  readonly request: unknown;
}

/** A running sandbox, as a test sees it from behind the provider. */
export interface SandboxView {
  readonly id: string;
  readonly definition: SandboxDefinition;
  readonly tags: readonly Tag[];
  readonly directory: string;
  readonly running: boolean;
}

/**
 * Modal's control plane and command router on loopback, for the unmodified SDK: one plaintext gRPC server. Commands run
 * as local processes of the current user in a temporary directory per sandbox, without any isolation, so it is for tests
 * only and listens on 127.0.0.1 only.
 */
export class LocalControlPlane {
  private readonly tokens = new AccessTokens();
  private readonly faults = new Faults();
  private readonly calls: RecordedCall[] = [];
  private readonly creations = new Map<string, Promise<unknown>>();
  private readonly tokenId: string;
  private readonly tokenSecret: string;
  private readonly root = mkdtempSync(join(tmpdir(), `tollbox-modal-${process.pid}-`));
  private readonly sandboxes: LocalSandboxes;
  private readonly images: LocalImages;
  private server: Server | undefined;
  private port = 0;

  private constructor(options: ControlPlaneOptions) {
    this.tokenId = options.tokenId ?? 'ak-test';
    this.tokenSecret = options.tokenSecret ?? 'as-test';
    this.port = options.port ?? 0;
    const binDirectory = join(this.root, 'bin');
    mkdirSync(binDirectory);
    installPython(binDirectory);
    this.sandboxes = new LocalSandboxes(this.root, binDirectory);
    this.images = new LocalImages(this.root);
  }

  /** Starts a control plane. Throws when there is no python3, which stands in for the one of the sold image. */
  static async start(options: ControlPlaneOptions = {}): Promise<LocalControlPlane> {
    const plane = new LocalControlPlane(options);
    await plane.listen();
    return plane;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What a process needs in its environment to use this control plane in place of Modal. */
  get environment(): Readonly<Record<string, string>> {
    return {
      MODAL_SERVER_URL: this.url,
      MODAL_TOKEN_ID: this.tokenId,
      MODAL_TOKEN_SECRET: this.tokenSecret,
      MODAL_CONFIG_PATH: '/nonexistent',
      no_grpc_proxy: '127.0.0.1',
    };
  }

  /** The next `times` calls of `method` are refused. The SDK repeats a transient failure 3 times by itself. */
  failNext(method: string, code: Status, details: string, times = 1): void {
    this.faults.plan(method, { kind: 'refuse', code, details }, times);
  }

  /** The next `times` calls of `method` do their work and lose their answer. */
  loseNextAnswer(method: string, times = 1, code: Status = Status.UNAVAILABLE): void {
    this.faults.plan(method, { kind: 'lose', code, details: LOST_ANSWER }, times);
  }

  /** The next `times` calls of `method` take effect after this time, whether or not their caller still waits. */
  delayNext(method: string, delayMs: number, times = 1): void {
    this.faults.plan(method, { kind: 'delay', delayMs }, times);
  }

  /** The next `times` streams of `method` break off after this many messages. */
  cutNextStream(method: string, code: Status, afterMessages: number, times = 1): void {
    this.faults.plan(method, { kind: 'cut', code, afterMessages }, times);
  }

  /** Modal no longer knows the sandbox, its commands or its tags. */
  loseSandbox(sandboxId: string): void {
    this.sandboxes.lose(sandboxId);
  }

  /** No token that a sandbox's commands were reached with is good any more. */
  expireRouterTokens(): void {
    this.tokens.renewTaskKey();
  }

  /** How long the tokens live that are given out from now on. */
  setTokenLifetime(seconds: number): void {
    this.tokens.lifetimeS = seconds;
  }

  clearFaults(): void {
    this.faults.clear();
  }

  /** Forgets every built image, as Modal does when an image expires or is deleted. */
  forgetImages(): void {
    this.images.forgetAll();
  }

  /** Names of the methods called so far, in order; `method` keeps one kind. */
  calledMethods(method?: string): readonly string[] {
    return this.calls.map((call) => call.method).filter((name) => method === undefined || name === method);
  }

  /** The decoded requests of one method, in order. */
  requests(method: string): readonly unknown[] {
    return this.calls.filter((call) => call.method === method).map((call) => call.request);
  }

  runningSandboxes(): readonly SandboxView[] {
    return this.sandboxes.list({ appId: '', beforeTimestamp: 0, tags: [] }).map((sandbox) => this.view(sandbox.id));
  }

  view(sandboxId: string): SandboxView {
    const { id, definition, tags, directory, result } = this.sandboxes.get(sandboxId);
    return { id, definition, tags, directory, running: result === undefined };
  }

  /** Ends every sandbox, its processes and its directory, and closes the port. */
  async stop(): Promise<void> {
    this.faults.stop();
    await this.sandboxes.finishAll();
    this.server?.forceShutdown();
    await rm(this.root, { recursive: true, force: true });
  }

  private async listen(): Promise<void> {
    const definitions = loadServiceDefinitions();
    const { sandboxes, images, tokens } = this;
    const parts = { sandboxes, images, tokens, routerUrl: () => `https://127.0.0.1:${this.port}` };
    this.server = createServer({
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    });
    this.addService(definitions.controlPlane, controlPlaneHandlers(parts), (method, context) =>
      this.authorizeClient(method, context),
    );
    this.addService(definitions.commandRouter, commandRouterHandlers(parts), (_method, context, request) =>
      this.authorizeRouter(context, request),
    );
    this.port = await this.server.listen(`127.0.0.1:${this.port}`);
  }

  private addService(
    definition: TsProtoServiceDefinition,
    handlers: Handlers,
    authorize: (method: string, context: CallContext, request: unknown) => void,
  ): void {
    const enter = (
      method: string,
      request: unknown,
      context: CallContext,
    ): ((request: unknown, context: CallContext) => unknown) => {
      this.calls.push({ method, request });
      authorize(method, context, request);
      const handler: Handler | undefined = handlers[method];
      if (handler === undefined) throw new ServerError(Status.UNIMPLEMENTED, `${method} is not part of the local control plane`);
      return handler as (request: unknown, context: CallContext) => unknown;
    };
    const unary = (method: string) => async (request: unknown, context: CallContext) => {
      const handler = enter(method, request, context);
      return this.faults.apply(method, () => this.onceForKey(method, context, () => Promise.resolve(handler(request, context))));
    };
    const faults = this.faults;
    const streaming = (method: string) =>
      async function* (request: unknown, context: CallContext) {
        const handler = enter(method, request, context);
        const answers = await faults.apply(method, () => Promise.resolve(handler(request, context)));
        yield* faults.stream(method, answers as AsyncIterable<unknown>);
      };
    const implementation = Object.fromEntries(
      Object.entries(definition.methods).map(([method, { responseStream }]) => [
        method,
        responseStream ? streaming(method) : unary(method),
      ]),
    );
    this.server?.add(definition, implementation as unknown as ServiceImplementation<TsProtoServiceDefinition>);
  }

  /** A repeated create carries the idempotency key of the first one and gets the same sandbox. */
  private onceForKey(method: string, context: CallContext, work: () => Promise<unknown>): Promise<unknown> {
    const key = context.metadata.get('x-idempotency-key');
    if (key === undefined || !method.startsWith('sandboxCreate')) return work();
    const creation = this.creations.get(key) ?? work();
    this.creations.set(key, creation);
    creation.catch(() => this.creations.delete(key));
    return creation;
  }

  private authorizeClient(method: string, context: CallContext): void {
    if (method === 'authTokenGet') {
      const known =
        context.metadata.get('x-modal-token-id') === this.tokenId &&
        context.metadata.get('x-modal-token-secret') === this.tokenSecret;
      if (!known) throw new ServerError(Status.UNAUTHENTICATED, 'Token validation failed: the token ID or secret is not valid');
    } else if (!this.tokens.accepts(context.metadata.get('x-modal-auth-token') ?? '', 'control-plane')) {
      throw new ServerError(Status.UNAUTHENTICATED, 'auth token is missing or not valid');
    }
  }

  private authorizeRouter(context: CallContext, request: unknown): void {
    const token = (context.metadata.get('authorization') ?? '').replace(/^Bearer /, '');
    const { taskId } = request as { taskId: string };
    if (!this.tokens.accepts(token, taskId)) throw new ServerError(Status.UNAUTHENTICATED, 'task token is missing or not valid');
  }
}

/** `python` and `python3` of a sandbox are the python3 of this machine, whatever wrapper it is reached through. */
function installPython(binDirectory: string): void {
  const interpreter = findPython();
  for (const name of ['python', 'python3']) symlinkSync(interpreter, join(binDirectory, name));
}

function findPython(): string {
  try {
    return execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
  } catch (error) {
    throw new Error('the local Modal control plane needs python3 on PATH', { cause: error });
  }
}
