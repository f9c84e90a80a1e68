import { type CallContext, ServerError, Status } from 'nice-grpc';
import type { AccessTokens } from './access-tokens';
import type { Backend, LocalSandbox, LocalSandboxes } from './local-sandboxes';
import {
  type AppGetOrCreateRequest,
  CREATE_IF_MISSING,
  type EnvironmentGetOrCreateRequest,
  GenericStatus,
  type ImageGetOrCreateRequest,
  type SandboxCreateRequest,
  type SandboxListRequest,
  type SandboxRequest,
  type SandboxWaitRequest,
  type SecretGetOrCreateRequest,
  STDERR_DESCRIPTOR,
  type TaskExecRequest,
  type TaskExecStartRequest,
  type TaskExecStdinWriteRequest,
  type TaskExecStdioReadRequest,
} from './messages';

/** One method: unary methods return their answer, streaming ones an async iterable of answers. */
export type Handler = (request: never, context: CallContext) => unknown;
export type Handlers = Readonly<Record<string, Handler>>;

const READ_CHUNK_BYTES = 65_536;
const IMAGE_BUILDER_VERSION = '2025.06';

export interface ServiceParts {
  readonly sandboxes: LocalSandboxes;
  readonly tokens: AccessTokens;
  /** The client insists on https here and dials plaintext, because the control plane is on loopback. */
  readonly routerUrl: () => string;
}

function routerAccess(parts: ServiceParts, sandbox: LocalSandbox): { url: string; jwt: string } {
  return { url: parts.routerUrl(), jwt: parts.tokens.issue(sandbox.taskId) };
}

/** Apps, images and environments: names in, ids out. */
function catalogueHandlers(): { handlers: Handlers; hasImage: (imageId: string) => boolean; forgetImages: () => void } {
  const apps = new Map<string, string>();
  const images = new Map<string, string>();
  const handlers: Handlers = {
    environmentGetOrCreate: (request: EnvironmentGetOrCreateRequest) => ({
      environmentId: 'en-1',
      metadata: {
        name: request.deploymentName === '' ? 'main' : request.deploymentName,
        settings: { imageBuilderVersion: IMAGE_BUILDER_VERSION },
      },
    }),
    appGetOrCreate: (request: AppGetOrCreateRequest) => {
      const known = apps.get(request.appName);
      if (known === undefined && request.objectCreationType !== CREATE_IF_MISSING) {
        throw new ServerError(Status.NOT_FOUND, `App '${request.appName}' not found`);
      }
      const appId = known ?? `ap-${apps.size + 1}`;
      apps.set(request.appName, appId);
      return { appId };
    },
    imageGetOrCreate: (request: ImageGetOrCreateRequest) => {
      const recipe = (request.image?.dockerfileCommands ?? []).join('\n');
      const known = [...images].find(([, built]) => built === recipe)?.[0];
      if (known !== undefined && !request.forceBuild) return { imageId: known, result: imageResult(recipe) };
      const imageId = `im-${images.size + 1}`;
      images.set(imageId, recipe);
      return { imageId };
    },
    imageJoinStreaming: async function* (request: { readonly imageId: string }) {
      yield { entryId: '1-0', taskLogs: [{ data: 'building\n' }] };
      yield await Promise.resolve({ entryId: '2-0', result: imageResult(images.get(request.imageId) ?? ''), eof: true });
    },
  };
  return { handlers, hasImage: (imageId) => images.has(imageId), forgetImages: () => images.clear() };
}

/** An image whose registry reference does not exist fails at build, as it does on Modal. */
function imageResult(recipe: string): object {
  return recipe.includes('does-not-exist')
    ? { status: GenericStatus.failure, exception: 'manifest unknown: manifest unknown' }
    : { status: GenericStatus.success };
}

/** The handlers of `modal.client.ModalClient`. */
export function controlPlaneHandlers(parts: ServiceParts): { handlers: Handlers; forgetImages: () => void } {
  const { sandboxes } = parts;
  const catalogue = catalogueHandlers();

  const create = (backend: Backend, request: SandboxCreateRequest): LocalSandbox => {
    if (request.definition === undefined) throw new ServerError(Status.INVALID_ARGUMENT, 'definition is missing');
    if (!catalogue.hasImage(request.definition.imageId))
      throw new ServerError(Status.NOT_FOUND, `Image ${request.definition.imageId} not found`);
    return sandboxes.create(backend, request.appId, request.definition, request);
  };
  const wait = async (request: SandboxWaitRequest, context: CallContext): Promise<object> => {
    const sandbox = sandboxes.get(request.sandboxId);
    return { result: await sandbox.waitForEnd(request.timeout, context.signal), metadata: { appId: sandbox.appId } };
  };
  const terminate = (request: SandboxRequest): object => {
    sandboxes.finish(sandboxes.get(request.sandboxId), GenericStatus.terminated);
    return {};
  };
  const list = (request: SandboxListRequest): object => ({
    sandboxes: sandboxes
      .list(request)
      .map((sandbox) => ({ id: sandbox.id, createdAt: sandbox.createdAtSeconds, appId: sandbox.appId })),
  });
  const tags = (request: SandboxRequest): object => ({ tags: sandboxes.get(request.sandboxId).tags });

  const handlers: Handlers = {
    ...catalogue.handlers,
    secretGetOrCreate: ({ envDict }: SecretGetOrCreateRequest) => ({ secretId: sandboxes.secrets.keep(envDict) }),
    authTokenGet: () => ({ token: parts.tokens.issue('control-plane') }),
    sandboxCreateV2: (request: SandboxCreateRequest) => {
      const sandbox = create('v2', request);
      return {
        sandboxId: sandbox.id,
        taskId: sandbox.taskId,
        metadata: { appId: sandbox.appId },
        commandRouterAccess: routerAccess(parts, sandbox),
      };
    },
    sandboxCreate: (request: SandboxCreateRequest) => ({ sandboxId: create('v1', request).id }),
    sandboxGetTaskId: (request: SandboxRequest) => {
      const sandbox = sandboxes.get(request.sandboxId);
      return sandbox.result === undefined ? { taskId: sandbox.taskId } : { taskResult: sandbox.result };
    },
    sandboxGetTaskIdV2: (request: SandboxRequest) => {
      const sandbox = sandboxes.get(request.sandboxId);
      return { taskId: sandbox.taskId, taskResult: sandbox.result };
    },
    taskGetCommandRouterAccess: (request: { readonly taskId: string }) =>
      routerAccess(parts, sandboxes.runningTask(request.taskId)),
    sandboxGetCommandRouterAccess: (request: SandboxRequest) => {
      const sandbox = sandboxes.get(request.sandboxId);
      if (sandbox.result !== undefined) throw new ServerError(Status.NOT_FOUND, `Sandbox ${sandbox.id} has already finished`);
      return routerAccess(parts, sandbox);
    },
    sandboxWait: wait,
    sandboxWaitV2: wait,
    sandboxTerminate: terminate,
    sandboxTerminateV2: terminate,
    sandboxList: list,
    sandboxListV2: list,
    sandboxTagsGet: tags,
    sandboxTagsGetV2: tags,
  };
  return { handlers, forgetImages: catalogue.forgetImages };
}

/** The handlers of `modal.task_command_router.TaskCommandRouter`. */
export function commandRouterHandlers({ sandboxes }: ServiceParts): Handlers {
  return {
    taskExecStart: (request: TaskExecStartRequest) => {
      sandboxes.startExec(request);
      return {};
    },
    taskExecStdioRead: async function* (request: TaskExecStdioReadRequest, context: CallContext) {
      const process = sandboxes.exec(request.taskId, request.execId);
      const output = request.fileDescriptor === STDERR_DESCRIPTOR ? process.stderr : process.stdout;
      for await (const chunk of output.read(request.offset, context.signal)) {
        for (let start = 0; start < chunk.length; start += READ_CHUNK_BYTES)
          yield { data: chunk.subarray(start, start + READ_CHUNK_BYTES) };
      }
    },
    taskExecStdinWrite: (request: TaskExecStdinWriteRequest) => {
      const accepted = sandboxes.exec(request.taskId, request.execId).writeStdin(request.offset, request.data, request.eof);
      if (!accepted) throw new ServerError(Status.FAILED_PRECONDITION, 'stdin is closed, or the offset leaves a gap');
      return {};
    },
    taskExecStdinStatus: (request: TaskExecRequest) => sandboxes.exec(request.taskId, request.execId).stdinState,
    taskExecPoll: (request: TaskExecRequest) => sandboxes.exec(request.taskId, request.execId).exitStatus ?? {},
    taskExecWait: async (request: TaskExecRequest, context: CallContext) =>
      (await sandboxes.exec(request.taskId, request.execId).waitForExit(context.signal)) ?? {},
  };
}
