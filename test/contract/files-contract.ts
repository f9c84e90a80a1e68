import type { ProviderFiles, FileProblem } from '@tollbox/sandboxes/application/ports/provider-files';
import { ProviderError } from '@tollbox/sandboxes/application/ports/provider';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { collect, patient, run } from './contract-helpers';
import type { FeatureSubject } from './feature-contract';

const WHOLE = { offsetBytes: 0, maxBytes: 1 << 30 };
const BLOCK = 512;

async function* pieces(bytes: Uint8Array, sizeBytes = 100_000): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += sizeBytes)
    yield await Promise.resolve(bytes.subarray(start, start + sizeBytes));
}

/** A tar of one member, by hand: no library would write what must not be unpacked. */
function tarOf(name: string, type: string, content: string, link = ''): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${Buffer.byteLength(content).toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write(link, 157);
  header.write('ustar\u000000', 257);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  const padded = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / BLOCK) * BLOCK);
  padded.write(content);
  return Buffer.concat([header, padded]);
}

const TAR_END = Buffer.alloc(2 * BLOCK);

/** What every provider with the feature `files` keeps. */
export function describeFiles(subject: () => FeatureSubject): void {
  const files = (): ProviderFiles => subject().provider.files!;
  const sandbox = () => subject().sandbox;
  const shell = (script: string, ...args: string[]) => run(subject().provider, sandbox(), ['sh', '-c', script, 'sh', ...args]);
  const read = async (path: string, range = WHOLE) => collect(await files().read(sandbox(), path, range, patient()));
  const write = (path: string, text: string | Buffer, options = {}) =>
    files().write(sandbox(), path, pieces(Buffer.from(text)), options, patient());
  const problem = async (work: Promise<unknown>): Promise<FileProblem | undefined> => {
    const error: unknown = await work.then(
      () => null,
      (failure: unknown) => failure,
    );
    expect(error).toBeInstanceOf(ProviderError);
    expect((error as ProviderError).kind).toBe('invalid');
    return (error as ProviderError).problem;
  };
  let home = '';

  beforeAll(async () => {
    home = (await shell('cd "$(mktemp -d)" && pwd -P')).stdout.toString().trim();
  });

  it('are written as a whole and read back, in part too', async () => {
    const bytes = randomBytes(3_000_000);
    const path = `${home}/a file żółw`;
    expect(await files().write(sandbox(), path, pieces(bytes), {}, patient())).toEqual({ sizeBytes: bytes.length });
    const hash = (data: Buffer) => createHash('sha256').update(data).digest('hex');
    expect(hash(await read(path))).toBe(hash(bytes));
    expect(await read(path, { offsetBytes: 2_999_990, maxBytes: 5 })).toEqual(bytes.subarray(2_999_990, 2_999_995));
    expect(await read(path, { offsetBytes: 3_000_000, maxBytes: 5 })).toEqual(Buffer.alloc(0));
    await write(`${home}/empty`, '', { mode: 0o755 });
    expect((await shell('cd "$1"; stat -c %a%s empty; ls -A | wc -l', home)).stdout.toString()).toBe('7550\n2\n');
  });

  it('keep their old bytes, and leave nothing behind, when the content fails on its way', async () => {
    const directory = `${home}/${randomUUID()}`;
    await files().makeDirectory(sandbox(), directory, { parents: false }, patient());
    await write(`${directory}/kept`, 'old');
    const failing = async function* () {
      yield await Promise.resolve(randomBytes(300_000));
      throw new Error('the buyer has gone');
    };
    await expect(files().write(sandbox(), `${directory}/kept`, failing(), {}, patient())).rejects.toThrow('the buyer has gone');
    expect((await read(`${directory}/kept`)).toString()).toBe('old');
    expect(await files().list(sandbox(), directory, patient())).toHaveLength(1);
  });

  it('are listed and described, links as links', async () => {
    const directory = `${home}/${randomUUID()}`;
    await files().makeDirectory(sandbox(), `${directory}/inner`, { parents: true }, patient());
    await write(`${directory}/file`, 'four', { mode: 0o640 });
    await shell('cd "$1"; ln -s /no/where link; mkfifo pipe; touch -d @1700000000 file', directory);
    const listed = await files().list(sandbox(), directory, patient());
    expect(listed.map(({ name, type, symlinkTarget }) => [name, type, symlinkTarget])).toEqual([
      ['file', 'file', null],
      ['inner', 'directory', null],
      ['link', 'symlink', '/no/where'],
      ['pipe', 'other', null],
    ]);
    expect(await files().stat(sandbox(), `${directory}/file`, patient())).toMatchObject({
      name: 'file',
      path: `${directory}/file`,
      type: 'file',
      sizeBytes: 4,
      mode: 0o640,
      modifiedAt: new Date(1_700_000_000_000),
    });
  });

  it('are made, moved and removed', async () => {
    const directory = `${home}/${randomUUID()}`;
    await files().makeDirectory(sandbox(), `${directory}/a/b`, { parents: true }, patient());
    await files().makeDirectory(sandbox(), `${directory}/a/b`, { parents: true }, patient());
    await write(`${directory}/a/b/file`, 'moved');
    await files().move(sandbox(), `${directory}/a`, `${directory}/c`, patient());
    expect((await read(`${directory}/c/b/file`)).toString()).toBe('moved');
    await files().remove(sandbox(), `${directory}/c/b/file`, { recursive: false }, patient());
    await files().remove(sandbox(), directory, { recursive: true }, patient());
    expect(await problem(files().stat(sandbox(), directory, patient()))).toBe('not_found');
  });

  it('say what is wrong', async () => {
    const directory = `${home}/${randomUUID()}`;
    await files().makeDirectory(sandbox(), `${directory}/inner`, { parents: true }, patient());
    await write(`${directory}/file`, 'x');
    expect(await problem(read(`${directory}/none`))).toBe('not_found');
    expect(await problem(read(directory))).toBe('is_directory');
    expect(await problem(write(directory, 'x'))).toBe('is_directory');
    expect(await problem(write(`${directory}/none/file`, 'x'))).toBe('not_found');
    expect(await problem(write(`${directory}/file/under`, 'x'))).toBe('not_directory');
    expect(await problem(files().list(sandbox(), `${directory}/file`, patient()))).toBe('not_directory');
    expect(await problem(files().makeDirectory(sandbox(), directory, { parents: false }, patient()))).toBe('already_exists');
    expect(await problem(files().remove(sandbox(), directory, { recursive: false }, patient()))).toBe('directory_not_empty');
    expect(await problem(read('relative'))).toBe('invalid_path');
    await shell('mkfifo "$1/fifo"', directory);
    expect(await problem(read(`${directory}/fifo`))).toBe('not_supported');
  });

  it('of a directory go through a tar and come back the same', async () => {
    const long = 'n'.repeat(120);
    await shell(
      'cd "$1" && mkdir -p from/deep/$2 && cd from && echo text > deep/$2/file && chmod 750 deep/$2/file && ln -s ../up link && : > empty && mkfifo pipe',
      home,
      long,
    );
    const tar = await collect(await files().readTar(sandbox(), `${home}/from`, patient()));
    await files().writeTar(sandbox(), `${home}/to/new`, pieces(tar, 1_000), patient());
    const look = await shell('cd "$1/to/new"; find . | sort; cat deep/*/file; stat -c %a deep/*/file; readlink link', home);
    expect(look.stdout.toString().split('\n')).toEqual([
      '.',
      './deep',
      `./deep/${long}`,
      `./deep/${long}/file`,
      './empty',
      './link',
      'text',
      '750',
      '../up',
      '',
    ]);
    const listing = await run(
      subject().provider,
      sandbox(),
      [
        'python3',
        '-c',
        'import tarfile,sys,io; print(sorted(tarfile.open(fileobj=io.BytesIO(sys.stdin.buffer.read())).getnames()))',
      ],
      {
        timeoutMs: 30_000,
        stdin: pieces(tar),
      },
    );
    expect(listing.stdout.toString()).toBe(`['deep', 'deep/${long}', 'deep/${long}/file', 'empty', 'link']\n`);
  });

  it.each([
    ['a way up', tarOf('../escaped', '0', 'x')],
    ['a way up in the middle', tarOf('inner/../../escaped', '0', 'x')],
    ['an absolute name', tarOf('/escaped', '0', 'x')],
    ['a link of its own in the way', Buffer.concat([tarOf('out', '2', '', '..'), tarOf('out/escaped', '0', 'x')])],
    ['a link that was there before in the way', tarOf('before/escaped', '0', 'x')],
    ['a hard link to a file outside', tarOf('hard', '1', '', '../outside')],
  ])('of a tar never leave their directory: %s', async (_, member) => {
    const base = `${home}/${randomUUID()}`;
    await shell('mkdir -p "$1/target" && echo kept > "$1/outside" && ln -s .. "$1/target/before"', base);
    const tar = Buffer.concat([member, TAR_END]);
    expect(await problem(files().writeTar(sandbox(), `${base}/target`, pieces(tar), patient()))).toBe('invalid_path');
    const look = await shell('cd "$1"; ls; cat outside; test ! -e /escaped && echo none', base);
    expect(look.stdout.toString()).toBe('outside\ntarget\nkept\nnone\n');
  });

  it('are not written through a link that a tar replaces', async () => {
    const base = `${home}/${randomUUID()}`;
    await shell('mkdir -p "$1/target" && echo kept > "$1/outside" && ln -s ../outside "$1/target/file"', base);
    const tar = Buffer.concat([tarOf('file', '0', 'new'), TAR_END]);
    await files().writeTar(sandbox(), `${base}/target`, pieces(tar), patient());
    expect((await shell('cat "$1/outside" "$1/target/file"', base)).stdout.toString()).toBe('kept\nnew');
  });

  it('are refused when what is unpacked is no tar', async () => {
    expect(await problem(files().writeTar(sandbox(), `${home}/bad`, pieces(randomBytes(5_000)), patient()))).toBe(
      'not_supported',
    );
  });
}
