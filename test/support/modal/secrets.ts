import { ServerError, Status } from 'nice-grpc';
import type { SecretSource } from './messages';

/** The secrets of the account: sets of variables by id. */
export class Secrets {
  private readonly byId = new Map<string, Readonly<Record<string, string>>>();

  keep(variables: Readonly<Record<string, string>>): string {
    const secretId = `st-${this.byId.size + 1}`;
    this.byId.set(secretId, variables);
    return secretId;
  }

  /** All variables of the sources; a later source wins. */
  variables(sources: readonly SecretSource[]): Readonly<Record<string, string>> {
    return Object.assign({}, ...sources.map((source) => this.variablesOf(source))) as Record<string, string>;
  }

  private variablesOf({ env, secretId }: SecretSource): Readonly<Record<string, string>> {
    if (env !== undefined) return env.contents;
    const variables = this.byId.get(secretId ?? '');
    if (variables === undefined) throw new ServerError(Status.NOT_FOUND, `Secret ${secretId ?? ''} not found`);
    return variables;
  }
}
