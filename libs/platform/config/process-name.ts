/** Nest's injection token for the name of this process (`gateway`, `worker`): it names database connections, logs and audit entries. */
export const PROCESS_NAME = Symbol('ProcessName');
