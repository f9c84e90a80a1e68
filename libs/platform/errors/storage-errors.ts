import { define } from './error-definition';

/** The part of the registry about what is kept in sandboxes and of them: files and snapshots. */
export const STORAGE_ERRORS = define({
  file_not_found: {
    status: 404,
    retryable: false,
    error: 'File not found',
    message: 'There is nothing at this path in the sandbox.',
    suggestion: 'GET /v1/sandboxes/{sandbox_id}/files/list shows what is in a directory.',
  },
  file_conflict: {
    status: 409,
    retryable: false,
    error: 'File conflict',
    message: 'What is at this path in the sandbox stands against it.',
    suggestion: 'GET /v1/sandboxes/{sandbox_id}/files/stat shows what is at a path.',
  },
  file_forbidden: {
    status: 403,
    retryable: false,
    error: 'File forbidden',
    message: 'The file system of the sandbox does not permit this.',
    suggestion: 'Use a path that commands in the sandbox can use.',
  },
  file_too_large: {
    status: 422,
    retryable: false,
    error: 'File too large',
    message: 'The file, or the list, is larger than this can be done with.',
    suggestion: 'Work on a part of it, or with a command in the sandbox.',
  },
  sandbox_full: {
    status: 422,
    retryable: false,
    error: 'Sandbox full',
    message: 'The sandbox has no room for this.',
    suggestion: 'Remove files in the sandbox, then send the request with a new payment.',
  },
  snapshot_not_found: {
    status: 404,
    retryable: false,
    error: 'Snapshot not found',
    message: 'There is no snapshot with this id for this wallet. Snapshots expire.',
    suggestion: 'GET /v1/snapshots lists the snapshots of a wallet.',
  },
  snapshot_limit_reached: {
    status: 429,
    retryable: false,
    error: 'Snapshot limit reached',
    message: 'This wallet keeps as many snapshots as one wallet may keep. Nothing was charged.',
    suggestion: 'Delete one with DELETE /v1/snapshots/{id}, or wait for one to expire.',
  },
  snapshot_too_large: {
    status: 422,
    retryable: false,
    error: 'Snapshot too large',
    message: 'The sandbox has written more than a snapshot may hold. Nothing was charged.',
    suggestion: 'Remove files that need not be kept, then send the request with a new payment.',
  },
});
