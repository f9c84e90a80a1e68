/** What the use cases know of the installation. Implemented by platform's InstallationService. */
export interface InstallationView {
  readonly id: string;
  isDraining(): Promise<boolean>;
}
