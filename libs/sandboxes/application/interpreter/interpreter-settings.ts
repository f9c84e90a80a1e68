import type { Config } from '@tollbox/platform/config/config';
import type { CellLimits } from '../../domain/cell-messages';

export interface InterpreterSettings extends CellLimits {
  readonly maxContexts: number;
  /** For finding or starting the interpreter, and for giving it the cell. */
  readonly overheadMs: number;
}

/** A result holds an image, so results may be larger than streams. */
const RESULTS_PER_OUTPUT = 4;
const MAX_RESULTS = 64;

export function interpreterSettings(config: Config): InterpreterSettings {
  return {
    maxStreamCharacters: config.EXEC_MAX_OUTPUT_BYTES,
    maxResults: MAX_RESULTS,
    maxResultCharacters: RESULTS_PER_OUTPUT * config.EXEC_MAX_OUTPUT_BYTES,
    maxContexts: config.INTERPRETER_MAX_CONTEXTS,
    overheadMs: config.EXEC_OVERHEAD_MS,
  };
}
