import type { Charged } from '../errors/tollbox-error';
import type { Wallet } from '../operations/operation';
import type { StaffRole } from '../routes/access.decorators';
import type { RouteTable } from './route-table';

/** The staff key behind a request. */
export interface StaffIdentity {
  readonly keyId: string;
  readonly name: string;
  readonly role: StaffRole;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The exact bytes of the body; empty when there was none. */
    rawBody?: Buffer;
    /** Asks a client that waits for `100 Continue` for its body; set where the body is streamed. */
    askForBody?: () => void;
    /** Set by AccessGuard on staff routes. */
    staff?: StaffIdentity;
    /** The wallet that calls; set by AccessGuard on owner routes. */
    owner?: Wallet;
    /** Set by whoever takes payments, and said in error answers. Absent means that nothing was charged. */
    charged?: Charged;
  }
  interface FastifyInstance {
    /** Every route of the server, for 405 answers and for the test of route declarations. */
    readonly routeTable: RouteTable;
  }
}
