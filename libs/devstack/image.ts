import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import path from 'node:path';
import { canInstallPackages, installPackages } from './debian-packages';
import { engineClient } from './engine-client';
import { Engine } from './engine';
import { engineDirectory } from './engine-config';
import { errorStatus } from './error-code';
import { withFileLock } from './file-lock';
import { runCommand } from './processes';
import { Run } from './run-record';

const SOLD_NAME = 'python:3.11';
const PUBLIC_REFERENCE = 'docker.io/library/python:3.11';
const BUILT_REFERENCE = 'localhost/tollbox/python:3.11';
const RECIPE_LABEL = 'tollbox.recipe';

const PULL_TIMEOUT_MS = 300_000;
const PULL_FIRST_ANSWER_MS = 20_000;
const BUILD_TIMEOUT_MS = 900_000;
const LOCK_TIMEOUT_MS = 1_200_000;

/** Debian 12 has the Python that is sold. */
const SUITE = 'bookworm';
const PACKAGES = 'python3,python3-pip,python3-venv,python-is-python3,ca-certificates,curl,git,procps,coreutils,util-linux';
const LEFT_OUT = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*'];
/** The image must hold nothing of the machine it is built on; and pip may install, as it may in the public image. */
const CLEANING = [
  'rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/resolv.conf "$1"/etc/hostname',
  ': > "$1"/etc/resolv.conf',
  'echo sandbox > "$1"/etc/hostname',
  'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
  'rm -rf "$1"/var/log/* "$1"/var/cache/*',
];
const CHANGES = ['CMD ["python3"]', 'ENV LANG=C.UTF-8', 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];
const RECIPE = createHash('sha256')
  .update(JSON.stringify([SUITE, PACKAGES, LEFT_OUT, CLEANING, CHANGES]))
  .digest('hex')
  .slice(0, 16);

/** The image can neither be pulled nor built here; the message says what to do. */
export class NoImageError extends Error {
  override readonly name = 'NoImageError';
}

/**
 * Makes sure that the engine has the image that is sold as `python:3.11` and returns the value of
 * SANDBOX_IMAGE_REFERENCES that says what it is called there. Present, else copied from a `donor`, else pulled, else built
 * from Debian's packages.
 */
export async function ensureSandboxImage(
  engine: Engine,
  run: Run,
  log: (line: string) => void,
  donor: Engine | null = null,
): Promise<string> {
  return withFileLock(path.join(engineDirectory(), 'image.lock'), LOCK_TIMEOUT_MS, async () => {
    const present = await findPresent(engine);
    const copied = present === null && donor !== null ? await copy(donor, engine) : null;
    return `${SOLD_NAME}=${present ?? copied ?? (await obtain(engine, run, log))}`;
  });
}

/** Takes the image over from an engine that has it; null when it has none. */
async function copy(donor: Engine, engine: Engine): Promise<string | null> {
  const reference = await findPresent(donor);
  if (reference === null) return null;
  const image = await engineClient(donor.dockerHost).getImage(reference).get();
  const answer = await engineClient(engine.dockerHost).loadImage(image);
  for await (const chunk of answer) {
    if (String(chunk).includes('"error"')) throw new Error(`the engine refused the image: ${String(chunk)}`);
  }
  return findPresent(engine);
}

async function findPresent(engine: Engine): Promise<string | null> {
  for (const reference of [PUBLIC_REFERENCE, BUILT_REFERENCE]) {
    const labels = await labelsOf(engine, reference);
    if (labels === null) continue;
    if (reference === PUBLIC_REFERENCE || labels[RECIPE_LABEL] === RECIPE) return reference;
  }
  return null;
}

/** The labels of a local image, or null when the engine does not have it. */
async function labelsOf(engine: Engine, reference: string): Promise<Record<string, string> | null> {
  try {
    const image = await engineClient(engine.dockerHost).getImage(reference).inspect();
    const config: { Labels: Record<string, string> | null } = image.Config; // Podman answers null where there is none
    return config.Labels ?? {};
  } catch (error) {
    if (errorStatus(error) === 404) return null;
    throw error;
  }
}

async function obtain(engine: Engine, run: Run, log: (line: string) => void): Promise<string> {
  log(`sandbox image: pulling ${PUBLIC_REFERENCE}`);
  const refusal = await pull(engine);
  if (refusal === null) return PUBLIC_REFERENCE;
  log(`sandbox image: the registry cannot be used (${refusal.slice(0, 160)})`);
  await build(engine, run, log);
  return BUILT_REFERENCE;
}

/** Pulls the public image; returns why it could not, or null. */
async function pull(engine: Engine): Promise<string | null> {
  const controller = new AbortController();
  const firstAnswer = setTimeout(() => controller.abort(), PULL_FIRST_ANSWER_MS);
  const total = setTimeout(() => controller.abort(), PULL_TIMEOUT_MS);
  try {
    const stream = await engineClient(engine.dockerHost).pull(PUBLIC_REFERENCE, { abortSignal: controller.signal });
    for await (const chunk of stream) {
      const text = String(chunk);
      if (/"(status|stream)":"(Pulling|Downloading|Extracting|Trying|Getting|Copying)/.test(text)) clearTimeout(firstAnswer);
      const error = /"error":"((?:[^"\\]|\\.)*)"/.exec(text);
      if (error !== null) return error[1] ?? 'refused';
    }
    return (await labelsOf(engine, PUBLIC_REFERENCE)) === null ? 'the pull ended without an image' : null;
  } catch (error) {
    return controller.signal.aborted ? 'no answer in time' : String(error);
  } finally {
    clearTimeout(firstAnswer);
    clearTimeout(total);
  }
}

/** mmdebstrap and the keys of Debian's archive, installed where that is allowed; false where they cannot be had. */
async function canBuild(log: (line: string) => void): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  if (existsSync('/usr/bin/mmdebstrap')) return true;
  if (!canInstallPackages()) return false;
  await installPackages(['mmdebstrap', 'debian-archive-keyring', 'ca-certificates'], log);
  return true;
}

async function build(engine: Engine, run: Run, log: (line: string) => void): Promise<void> {
  if (!(await canBuild(log))) {
    throw new NoImageError(
      `The sandbox image ${SOLD_NAME} is missing, cannot be pulled, and can be built only by root on Debian or Ubuntu with the package ` +
        `"mmdebstrap". Either bring network access to the registry, load the image into the engine as ${PUBLIC_REFERENCE}, or run as root.`,
    );
  }
  log('sandbox image: building it from Debian packages (about half a minute, once)');
  const tar = path.join(run.directory, 'python.tar');
  const args = ['--variant=minbase', `--include=${PACKAGES}`, '--aptopt=APT::Install-Recommends "false"'];
  args.push(
    ...LEFT_OUT.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
    ...CLEANING.map((hook) => `--customize-hook=${hook}`),
  );
  await runCommand('mmdebstrap', [...args, SUITE, tar], {
    timeoutMs: BUILD_TIMEOUT_MS,
    env: { ...process.env, TMPDIR: run.directory },
    onSpawn: (pid) => run.addChild('mmdebstrap', pid),
  });
  const client = engineClient(engine.dockerHost);
  const changes = [...CHANGES, `LABEL ${RECIPE_LABEL}=${RECIPE}`];
  const answer = await client.importImage(createReadStream(tar), { repo: BUILT_REFERENCE, changes });
  for await (const chunk of answer) {
    if (String(chunk).includes('"error"')) throw new Error(`the engine refused the image: ${String(chunk)}`);
  }
  if ((await labelsOf(engine, BUILT_REFERENCE)) === null)
    throw new Error(`the engine has no ${BUILT_REFERENCE} after its import`);
  log(`sandbox image: ${BUILT_REFERENCE} is ready`);
}
