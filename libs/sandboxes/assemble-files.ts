import type { Clock } from '@tollbox/platform/clock/clock';
import type { Config } from '@tollbox/platform/config/config';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { Operation } from '@tollbox/platform/operations/operation';
import type { SandboxAccess } from './application/access';
import type { AdmitExec } from './application/admit-exec';
import { fileSettings } from './application/files/file-settings';
import { FileWork } from './application/files/file-work';
import { LookAtFiles } from './application/files/look-at-files';
import { fileOperations } from './application/operations/file.operations';
import type { SandboxStore } from './application/ports/sandbox-store';
import type { ProviderCalls } from './application/provider-calls';
import type { RecordedExecution } from './application/recorded-execution';
import { createFileSchemas } from './domain/file-bodies';

export interface FileParts {
  readonly store: SandboxStore;
  readonly provider: ProviderCalls;
  readonly access: SandboxAccess;
  readonly admission: AdmitExec;
  readonly executions: RecordedExecution;
  readonly clock: Clock;
  readonly phases: PhaseObserver;
}

/** The use cases of files, put together. */
export interface Files {
  readonly work: FileWork;
  readonly look: LookAtFiles;
  readonly operations: readonly Operation[];
}

export function assembleFiles(config: Config, parts: FileParts): Files {
  const { store, provider, access, admission, executions, clock, phases } = parts;
  const settings = fileSettings(config);
  const schemas = createFileSchemas(settings);
  return {
    work: new FileWork(executions, store, provider, access, settings, phases),
    look: new LookAtFiles(provider, access, clock, settings),
    operations: fileOperations({ schemas, admission, store, provider, settings }),
  };
}
