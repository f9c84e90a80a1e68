import { isImageEntry, soldImages } from './sold-images';

const DIGEST = `sha256:${'0a'.repeat(32)}`;
const sold = (entries: string[], references: [string, string][] = []) =>
  Object.fromEntries(soldImages({ SANDBOX_IMAGES: entries, SANDBOX_IMAGE_REFERENCES: new Map(references) }));

describe('the images that are sold', () => {
  it('are started under their own name, or under the one that the operator gives', () => {
    expect(sold(['python:3.11', 'node:22'], [['node:22', 'mirror/node:22']])).toEqual({
      'python:3.11': 'python:3.11',
      'node:22': 'mirror/node:22',
    });
  });

  it('are sold by name and started by digest when they are pinned', () => {
    expect(sold([`python:3.11@${DIGEST}`, `host:5000/a/b@${DIGEST}`])).toEqual({
      'python:3.11': `python@${DIGEST}`,
      'host:5000/a/b': `host:5000/a/b@${DIGEST}`,
    });
  });

  it('are pinned by a whole SHA-256 only', () => {
    expect(isImageEntry(`python:3.11@${DIGEST}`)).toBe(true);
    for (const entry of ['python@sha256:12', 'python@latest', `@${DIGEST}`, `a@b@${DIGEST}`])
      expect(isImageEntry(entry)).toBe(false);
  });
});
