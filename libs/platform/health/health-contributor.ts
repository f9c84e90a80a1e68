/** What one part of the process says at /health/ready. */
export interface HealthReport {
  /** False makes the answer 503. */
  readonly ok: boolean;
  /** Facts for operators (for example the provider's isolation); never a secret, a host name or a stack. */
  readonly detail?: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
}

/** A part that others depend on. Provided under HEALTH_CONTRIBUTORS, so that platform imports none of them. */
export interface HealthContributor {
  /** Key of the report in the answer, for example `provider`. */
  readonly name: string;
  /** Must answer within a few seconds; a rejection counts as not ok. */
  check(): Promise<HealthReport>;
}

/** Nest's injection token of the list of HealthContributor that the application composes. */
export const HEALTH_CONTRIBUTORS = Symbol('HealthContributors');
