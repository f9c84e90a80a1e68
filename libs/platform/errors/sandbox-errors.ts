import { define } from './error-definition';

/** What can go wrong with sandboxes and their provider. */
export const SANDBOX_ERRORS = define({
  sandbox_limit_reached: {
    status: 429,
    retryable: true,
    error: 'Sandbox limit reached',
    message: 'The limit of sandboxes that run at once is reached.',
    suggestion: 'Terminate a sandbox, or wait for one to end, then send the request again.',
  },
  sandbox_busy: {
    status: 429,
    retryable: true,
    error: 'Sandbox busy',
    message: 'Too many commands run in this sandbox at once.',
    suggestion: 'Wait for a running command to finish, then send the request again.',
  },
  sandbox_not_found: {
    status: 404,
    retryable: false,
    error: 'Sandbox not found',
    message: 'There is no sandbox with this id for the paying wallet.',
    suggestion: 'Use the sandbox_id from the create answer and pay with the wallet that paid for create.',
  },
  tunnel_limit_reached: {
    status: 429,
    retryable: false,
    error: 'Tunnel limit reached',
    message: 'This sandbox has as many tunnels as one sandbox may have. Nothing was charged.',
    suggestion: 'Use a tunnel that is open (GET /v1/sandboxes/{id}/tunnels); they end with the sandbox.',
  },
  tunnel_port_not_named: {
    status: 422,
    retryable: false,
    error: 'Port was not named',
    message: 'A tunnel reaches only the ports that the create of the sandbox named. Nothing was charged.',
    suggestion: 'Create a sandbox with the port in `ports`.',
  },
  sandbox_gone: {
    status: 410,
    retryable: false,
    error: 'Sandbox gone',
    message: 'The sandbox has ended.',
    suggestion: 'Create a new sandbox.',
  },
  setup_failed: {
    status: 422,
    retryable: false,
    error: 'Setup failed',
    message: 'A setup command failed, so there is no sandbox; no charge taken.',
    suggestion: 'Read the end of the output in `details`, correct setup_commands and send the request with a new payment.',
  },
  draining: {
    status: 503,
    retryable: true,
    error: 'Draining',
    message: 'This installation accepts no new sandboxes for now.',
    suggestion: 'Try again later; running sandboxes can still be used.',
  },
  provider_unavailable: {
    status: 503,
    retryable: true,
    error: 'Sandbox provider unavailable',
    message: 'The sandbox provider did not accept the operation.',
    suggestion: 'Send the same request again; the same payment header is still good.',
  },
  provider_rate_limited: {
    status: 429,
    retryable: true,
    error: 'Sandbox provider busy',
    message: 'The sandbox provider asks to slow down.',
    suggestion: 'Wait for Retry-After seconds, then send the same request again.',
  },
  operation_timeout: {
    status: 504,
    retryable: false,
    error: 'Operation timed out',
    message: 'The operation did not finish before its deadline; no charge taken.',
    suggestion: 'Send the request with a new payment, or check the state of the sandbox first.',
  },
});
