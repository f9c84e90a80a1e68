import { randomBytes, randomUUID } from 'node:crypto';

/** Where unguessable values come from. A port, so that tests can fix them. */
export interface Random {
  /** `length` bytes of a cryptographic generator. */
  bytes(length: number): Buffer;
}

/** Where ids of rows come from. */
export interface Ids {
  /** A random (version 4) UUID in lower case. */
  uuid(): string;
}

/** Nest's injection token of Random. */
export const RANDOM = Symbol('Random');
/** Nest's injection token of Ids. */
export const IDS = Symbol('Ids');

export const systemRandom: Random = Object.freeze({ bytes: (length: number) => randomBytes(length) });
export const systemIds: Ids = Object.freeze({ uuid: () => randomUUID() });
