import { type CallContext, ServerError, Status } from 'nice-grpc';
import type { AccessTokens } from './access-tokens';
import type { Handlers } from './handlers';
import type { LocalImages } from './local-images';
import type { Backend, LocalSandbox, LocalSandboxes } from './local-sandboxes';
import {
  type AppGetOrCreateRequest,
  CREATE_IF_MISSING,
  type EnvironmentGetOrCreateRequest,
  GenericStatus,
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
  type TaskSnapshotFilesystemRequest,
} from './messages';

const READ_CHUNK_BYTES = 65_536;
const IMAGE_BUILDER_VERSION = '2025.06';

export interface ServiceParts {
  readonly sandboxes: LocalSandboxes;
  readonly images: LocalImages;
  readonly tokens: AccessTokens;
  /** The client insists on https here and dials plaintext, because the control plane is on loopback. */
  readonly routerUrl: () => string;
}

function routerAccess(parts: ServiceParts, sandbox: LocalSandbox): { url: string; jwt: string } {
  return { url: parts.routerUrl(), jwt: parts.tokens.issue(sandbox.taskId) };
}

/** Apps and environments: names in, ids out. */
function catalogueHandlers(): Handlers {
  const apps = new Map<string, string>();
  return {
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
  };
}

/** The handlers of `modal.client.ModalClient`. */
export function controlPlaneHandlers(parts: ServiceParts): Handlers {
  const { sandboxes, images } = parts;

  const create = (backend: Backend, request: SandboxCreateRequest): LocalSandbox => {
    if (request.definition === undefined) throw new ServerError(Status.INVALID_ARGUMENT, 'definition is missing');
    const { directory } = images.get(request.definition.imageId);
    return sandboxes.create(backend, request.appId, request.definition, request, directory);
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

  return {
    ...catalogueHandlers(),
    ...images.catalogue,
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
}

/** The handlers of `modal.task_command_router.TaskCommandRouter`. */
export function commandRouterHandlers({ sandboxes, images }: ServiceParts): Handlers {
  return {
    taskSnapshotFilesystem: (request: TaskSnapshotFilesystemRequest) => images.snapshot(sandboxes, request),
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
