import type { Config } from '@tollbox/platform/config/config';

/** Deadlines and limits of the work on files. */
export interface FileSettings {
  readonly deadlineMs: number;
  /** Of a list or a stat. */
  readonly lookDeadlineMs: number;
  readonly maxAnswerBytes: number;
  readonly maxUploadBytes: number;
}

export function fileSettings(config: Config): FileSettings {
  return {
    deadlineMs: config.FILE_DEADLINE_MS,
    lookDeadlineMs: config.SANDBOX_INSPECT_DEADLINE_MS,
    maxAnswerBytes: config.ANSWER_MAX_BYTES,
    maxUploadBytes: config.FILE_MAX_UPLOAD_BYTES,
  };
}
