import { randomBytes } from 'node:crypto';
import { withClient } from './database';

const GROUP = 'tollbox_app';
const LOGIN = 'tollbox_service';

/** The same server and database with another login. */
function withLogin(url: string, login: { readonly user: string; readonly password: string }): string {
  const changed = new URL(url);
  changed.username = encodeURIComponent(login.user);
  changed.password = encodeURIComponent(login.password);
  return changed.href;
}

export const userOf = (url: string): string => decodeURIComponent(new URL(url).username);

/**
 * Makes the login of `applicationUrl` on the owner's server, or leaves the one that is there as it is, and puts it into the
 * group that grant_application_rights() (migration 0900) gives rights to. The database must be migrated.
 */
export async function ensureApplicationLogin(ownerUrl: string, applicationUrl: string): Promise<void> {
  const { password } = new URL(applicationUrl);
  await withClient(ownerUrl, async (client) => {
    const user = client.escapeIdentifier(userOf(applicationUrl));
    const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [userOf(applicationUrl)]);
    if (rowCount === 0)
      await client.query(`CREATE ROLE ${user} LOGIN PASSWORD ${client.escapeLiteral(decodeURIComponent(password))}`);
    await client.query(`GRANT ${GROUP} TO ${user}`);
  });
}

/** Makes a login for the applications on a server of our own and returns the database's URL with it. */
export async function createApplicationLogin(ownerUrl: string): Promise<string> {
  const url = withLogin(ownerUrl, { user: LOGIN, password: randomBytes(24).toString('base64url') });
  await ensureApplicationLogin(ownerUrl, url);
  return url;
}
