import type { AdmissionCall, Operation, OperationOutcome, UploadTerms } from '@tollbox/platform/operations/operation';
import { z, type ZodType } from 'zod';
import type { FileBody, FileSchemas } from '../../domain/file-bodies';
import type { AdmitExec } from '../admit-exec';
import { FILE_ERRORS } from '../files/file-problems';
import type { FileSettings } from '../files/file-settings';
import type { SandboxStore } from '../ports/sandbox-store';
import type { ProviderCalls } from '../provider-calls';
import { PROVIDER_ERRORS } from '../provider-failure';
import { requireFeatures } from '../require-features';
import { DATABASE_MARGIN_MS } from './margins';

const NO_CONTENT = 204;

/** What the operations on files stand on. */
export interface FileOperationParts {
  readonly schemas: FileSchemas;
  readonly admission: AdmitExec;
  readonly store: Pick<SandboxStore, 'abandonOperation' | 'failExecution' | 'findExecution'>;
  readonly provider: ProviderCalls;
  readonly settings: FileSettings;
}

abstract class FileOperation<Body extends { readonly sandbox_id: string }> implements Operation<Body> {
  abstract readonly name: string;
  abstract readonly body: ZodType<Body>;
  abstract readonly answer: ZodType;
  readonly errors = [
    'sandbox_not_found',
    'sandbox_busy',
    'not_supported_here',
    'answer_too_large',
    ...FILE_ERRORS,
    ...PROVIDER_ERRORS,
  ] as const;
  readonly mayAnswerEarly = true;

  constructor(protected readonly parts: FileOperationParts) {}

  deadlineMs(): number {
    return this.parts.settings.deadlineMs + DATABASE_MARGIN_MS;
  }

  async admit({ owner, body }: AdmissionCall<Body>): Promise<void> {
    requireFeatures(this.parts.provider, [[true, 'files', 'files']]);
    await this.parts.admission.check(owner, body.sandbox_id);
  }

  async outcomeOf(operationId: string): Promise<OperationOutcome> {
    const { store } = this.parts;
    if ((await store.abandonOperation(operationId, this.name)) === 'abandoned') return { kind: 'not_started' };
    await store.failExecution(operationId, 'lost');
    const execution = await store.findExecution(operationId);
    if (execution === null) throw new Error(`operation ${operationId} is started and has no execution`);
    return this.outcome(execution.result !== null);
  }

  /** What was done to the files of a sandbox cannot be taken back. */
  async revoke(): Promise<void> {
    return Promise.resolve();
  }

  protected abstract outcome(isFinished: boolean): OperationOutcome;
}

/** A read that nobody got the answer of has done nothing, and its bytes are not kept. */
abstract class ReadingOperation<Body extends { readonly sandbox_id: string }> extends FileOperation<Body> {
  readonly answer = z.string();

  protected outcome(): OperationOutcome {
    return { kind: 'not_started' };
  }
}

abstract class ChangingOperation<Body extends { readonly sandbox_id: string }> extends FileOperation<Body> {
  readonly answer = z.null();
  readonly status = NO_CONTENT;

  protected outcome(isFinished: boolean): OperationOutcome {
    return isFinished ? { kind: 'done', answer: { status: NO_CONTENT, body: null } } : { kind: 'unknown' };
  }
}

export class ReadFileOperation extends ReadingOperation<FileBody<'read'>> {
  readonly name = 'files.read';
  readonly body = this.parts.schemas.read;
  readonly answerMediaType = 'application/octet-stream';
}

export class DownloadOperation extends ReadingOperation<FileBody<'download'>> {
  readonly name = 'files.download';
  readonly body = this.parts.schemas.download;
  readonly answerMediaType = 'application/x-tar';
}

export class WriteFileOperation extends ChangingOperation<FileBody<'write'>> {
  readonly name = 'files.write';
  readonly body = this.parts.schemas.write;
  readonly upload: UploadTerms = {
    mediaTypes: ['application/octet-stream'],
    maxBytes: this.parts.settings.maxUploadBytes,
  };
}

export class UploadOperation extends ChangingOperation<FileBody<'upload'>> {
  readonly name = 'files.upload';
  readonly body = this.parts.schemas.upload;
  readonly upload: UploadTerms = {
    mediaTypes: ['application/x-tar'],
    maxBytes: this.parts.settings.maxUploadBytes,
  };
}

export class MakeDirectoryOperation extends ChangingOperation<FileBody<'makeDirectory'>> {
  readonly name = 'files.mkdir';
  readonly body = this.parts.schemas.makeDirectory;
}

export class RemoveFileOperation extends ChangingOperation<FileBody<'remove'>> {
  readonly name = 'files.remove';
  readonly body = this.parts.schemas.remove;
}

export class MoveFileOperation extends ChangingOperation<FileBody<'move'>> {
  readonly name = 'files.move';
  readonly body = this.parts.schemas.move;
}

export function fileOperations(parts: FileOperationParts): Operation[] {
  return [
    new ReadFileOperation(parts),
    new DownloadOperation(parts),
    new WriteFileOperation(parts),
    new UploadOperation(parts),
    new MakeDirectoryOperation(parts),
    new RemoveFileOperation(parts),
    new MoveFileOperation(parts),
  ];
}
