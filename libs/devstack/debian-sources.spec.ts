import { backportsOf, parseSources, sourceLine } from './debian-sources';

const DEB822 = `# generated
Types: deb
# a comment inside
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/archive.gpg

Types: deb-src
URIs: http://mirror.test/source
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://mirror.test/disabled
Suites: bookworm
Components: main
`;
const ONE_LINE = `deb http://other.test/apt tools main
# deb http://mirror.test/commented bookworm main
deb [arch=amd64 signed-by=/keys/a.gpg trusted=yes] https://mirror.test/debian bookworm main contrib
`;

describe('the backports archive of this machine', () => {
  it.each([
    [
      'debian.sources',
      DEB822,
      'deb [signed-by=/usr/share/keyrings/archive.gpg] http://mirror.test/debian bookworm-backports main\n',
    ],
    ['sources.list', ONE_LINE, 'deb [signed-by=/keys/a.gpg] https://mirror.test/debian bookworm-backports main\n'],
    ['sources.list', 'deb http://mirror.test/debian bookworm main', 'deb http://mirror.test/debian bookworm-backports main\n'],
  ])('is beside the archive in %s, with its key and without its exceptions', (name, content, line) => {
    const source = backportsOf(parseSources(name, content), 'bookworm');
    expect(source).not.toBeNull();
    if (source !== null) expect(sourceLine(source)).toBe(line);
  });

  it('is not known where the release has no archive here', () => {
    expect(backportsOf(parseSources('sources.list', 'deb http://mirror.test/debian trixie main'), 'bookworm')).toBeNull();
    expect(backportsOf(parseSources('x.sources', ''), 'bookworm')).toBeNull();
  });
});
