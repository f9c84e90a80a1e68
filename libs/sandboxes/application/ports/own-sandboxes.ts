import type { ResourceState } from '../../domain/resource-answers';
import type { Sandbox } from '../../domain/sandbox';

export interface OwnSandboxFilter {
  readonly name?: string | undefined;
  readonly state?: ResourceState | undefined;
  /** A tag that is there, with this value where one is given. */
  readonly tag?: { readonly name: string; readonly value: string | null } | undefined;
}

export interface OwnSandboxCursor {
  readonly createdAt: Date;
  readonly id: string;
}

/** The sandboxes of one wallet, newest first. */
export interface OwnSandboxes {
  page(
    owner: string,
    filter: OwnSandboxFilter,
    after: OwnSandboxCursor | undefined,
    limit: number,
  ): Promise<{ readonly sandboxes: readonly Sandbox[]; readonly hasMore: boolean }>;
}

export const OWN_SANDBOXES = Symbol('OwnSandboxes');
