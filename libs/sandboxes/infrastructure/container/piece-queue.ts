/** Bytes of a stream that nobody has read yet, at their place in it. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const SMALL_BYTES = 4 * 1024;
const STORE_BYTES = 16 * 1024;

interface Held {
  readonly offset: number;
  bytes: Uint8Array;
  /** Where small neighbours are put together, so that many of them take no more memory than their bytes. */
  readonly store: Buffer | null;
}

/** A queue of pieces. Small ones that follow each other become one while they wait. */
export class PieceQueue {
  private readonly held: Held[] = [];
  private unread = 0;

  get unreadBytes(): number {
    return this.unread;
  }

  get length(): number {
    return this.held.length;
  }

  push(offset: number, bytes: Uint8Array): void {
    this.unread += bytes.length;
    const last = this.held.at(-1);
    if (last === undefined || bytes.length > SMALL_BYTES) {
      this.held.push({ offset, bytes, store: null });
      return;
    }
    const used = last.bytes.length;
    if (last.store !== null && last.offset + used === offset && used + bytes.length <= STORE_BYTES) {
      last.store.set(bytes, used);
      last.bytes = last.store.subarray(0, used + bytes.length);
      return;
    }
    const store = Buffer.allocUnsafe(STORE_BYTES);
    store.set(bytes);
    this.held.push({ offset, bytes: store.subarray(0, bytes.length), store });
  }

  shift(): Piece | undefined {
    const first = this.held.shift();
    if (first !== undefined) this.unread -= first.bytes.length;
    return first;
  }

  clear(): void {
    this.held.length = 0;
    this.unread = 0;
  }
}
