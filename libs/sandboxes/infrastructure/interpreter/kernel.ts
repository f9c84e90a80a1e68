import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Pool } from 'pg';
import type { InterpreterParts } from '../../assemble';
import { PgInterpreterStore } from '../persistence/interpreter.store';

/** The kernel is an argument of python3: nothing is written into the sandbox. */
export function interpreterParts(pool: Pool): InterpreterParts {
  const kernel = readFileSync(path.join(__dirname, 'kernel.py'), 'utf8');
  return { contexts: new PgInterpreterStore(pool), argv: ['python3', '-u', '-c', kernel] };
}
