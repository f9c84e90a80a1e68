/** The `code` of an error of Node or PostgreSQL, else undefined. Does not ask for its class: jest gives each spec its own. */
export function errorCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** The HTTP status of an error of the container engine, else undefined. */
export function errorStatus(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
}
