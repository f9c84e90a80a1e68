/** What global-setup.ts tells the workers. */
export const ENV = {
  applicationDatabaseUrl: 'TOLLBOX_TEST_APPLICATION_DATABASE_URL',
  databaseAdminUrl: 'TOLLBOX_TEST_DATABASE_ADMIN_URL',
  dockerHost: 'TOLLBOX_TEST_DOCKER_HOST',
  /** The engine that runs sandboxes with gVisor; not set where gVisor cannot be had. */
  gvisorDockerHost: 'TOLLBOX_TEST_GVISOR_DOCKER_HOST',
  agentFile: 'TOLLBOX_TEST_SANDBOX_AGENT_FILE',
  gvisorImageReferences: 'TOLLBOX_TEST_GVISOR_IMAGE_REFERENCES',
  imageReferences: 'TOLLBOX_TEST_SANDBOX_IMAGE_REFERENCES',
} as const;

/** The migrated database that every spec's database is a copy of. */
export const TEMPLATE_DATABASE = 'tollbox_template';
