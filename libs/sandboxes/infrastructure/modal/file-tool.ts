import { FILE_PROBLEMS } from '../../application/ports/provider-files';

/** Exit code of the first of FILE_PROBLEMS; the others follow. */
export const FIRST_PROBLEM_CODE = 10;

/**
 * What runs inside the sandbox for an operation on files, with the rights of its commands: `python3 -c TOOL verb path...`.
 * Content comes in on the standard input in pieces of a 4-byte length and their bytes; a piece of length 0 is the end, and
 * an input that ends without it leaves nothing behind. A file is written beside its path and moved there. Of a tar, every
 * member is opened directory by directory from the target on, without following a link.
 */
export const FILE_TOOL = `
import errno, grp, io, json, os, pwd, shutil, stat, sys, tarfile, uuid
PROBLEMS = ${JSON.stringify(FILE_PROBLEMS)}
OF = {errno.ENOENT: 'not_found', errno.EISDIR: 'is_directory', errno.ENOTDIR: 'not_directory', errno.EACCES: 'permission_denied',
      errno.EPERM: 'permission_denied', errno.EROFS: 'permission_denied', errno.EEXIST: 'already_exists', errno.ENOTEMPTY: 'directory_not_empty',
      errno.EFBIG: 'too_large', errno.ENOSPC: 'no_space', errno.EDQUOT: 'no_space', errno.ELOOP: 'invalid_path',
      errno.ENAMETOOLONG: 'invalid_path', errno.EINVAL: 'invalid_path', errno.EXDEV: 'not_supported', errno.ENXIO: 'not_supported'}

class Problem(Exception):
    pass

class Content(io.RawIOBase):
    def __init__(self):
        self.left = 0
        self.ended = False
    def readable(self):
        return True
    def exactly(self, count):
        data = sys.stdin.buffer.read(count)
        if len(data) < count:
            raise Problem('not_supported', 'the content did not arrive as a whole')
        return data
    def readinto(self, buffer):
        if self.left == 0 and not self.ended:
            self.left = int.from_bytes(self.exactly(4), 'big')
            self.ended = self.left == 0
        data = self.exactly(min(self.left, len(buffer)))
        self.left -= len(data)
        buffer[:len(data)] = data
        return len(data)
    def drain(self):
        while not self.ended:
            self.read(65536)

def content():
    return io.BufferedReader(Content(), 65536)

def name_of(look, number):
    try:
        return look(number)[0]
    except KeyError:
        return str(number)

def entry(path):
    s = os.lstat(path)
    m = s.st_mode
    kind = 'symlink' if stat.S_ISLNK(m) else 'directory' if stat.S_ISDIR(m) else 'file' if stat.S_ISREG(m) else 'other'
    return {'name': os.path.basename(path), 'path': path, 'type': kind, 'sizeBytes': s.st_size, 'mode': stat.S_IMODE(m),
            'owner': name_of(pwd.getpwuid, s.st_uid), 'group': name_of(grp.getgrgid, s.st_gid), 'modifiedAtMs': int(s.st_mtime * 1000),
            'symlinkTarget': os.readlink(path) if kind == 'symlink' else None}

def regular(path):
    m = os.stat(path).st_mode
    if stat.S_ISDIR(m):
        raise Problem('is_directory')
    if not stat.S_ISREG(m):
        raise Problem('not_supported', 'not a regular file')

def read(path, offset, most):
    regular(path)
    left = int(most)
    with open(path, 'rb') as source:
        source.seek(int(offset))
        while left > 0:
            data = source.read(min(left, 65536))
            if not data:
                break
            sys.stdout.buffer.write(data)
            left -= len(data)

def write(path, mode):
    path = os.path.realpath(path)
    if os.path.isdir(path):
        raise Problem('is_directory')
    beside = os.path.join(os.path.dirname(path), '.' + uuid.uuid4().hex)
    target = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(target, 'wb') as out, content() as source:
            shutil.copyfileobj(source, out, 65536)
            os.fchmod(out.fileno(), int(mode))
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise

def listing(path):
    print(json.dumps([entry(os.path.join(path, name)) for name in sorted(os.listdir(path))]))

def describe(path):
    print(json.dumps([entry(path)]))

def mkdir(path, parents):
    if parents == 'parents':
        os.makedirs(path, exist_ok=True)
    else:
        os.mkdir(path)

def remove(path, recursive):
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        os.unlink(path)
    elif recursive == 'recursive':
        shutil.rmtree(path)
    else:
        os.rmdir(path)

def tar_read(path):
    if not stat.S_ISDIR(os.stat(path).st_mode):
        raise Problem('not_directory')
    with tarfile.open(fileobj=sys.stdout.buffer, mode='w|', format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(os.listdir(path)):
            tar.add(os.path.join(path, name), arcname=name,
                    filter=lambda member: member if member.isreg() or member.isdir() or member.issym() or member.islnk() else None)

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW

def below(root, names):
    at = os.dup(root)
    for name in names:
        try:
            try:
                following = os.open(name, DIRECTORY, dir_fd=at)
            except FileNotFoundError:
                os.mkdir(name, 0o755, dir_fd=at)
                following = os.open(name, DIRECTORY, dir_fd=at)
        except OSError as error:
            raise Problem('invalid_path') if error.errno in (errno.ELOOP, errno.ENOTDIR) else error
        finally:
            os.close(at)
        at = following
    return at

def parts(name):
    names = [part for part in name.split('/') if part not in ('', '.')]
    if name.startswith('/') or '..' in names:
        raise Problem('invalid_path')
    return names

def clear(name, at):
    try:
        if stat.S_ISDIR(os.lstat(name, dir_fd=at).st_mode):
            raise Problem('is_directory')
        os.unlink(name, dir_fd=at)
    except FileNotFoundError:
        pass

def unpack(tar, member, root):
    names = parts(member.name)
    if member.isdir():
        at = below(root, names)
        os.fchmod(at, member.mode & 0o777 | 0o700)
        os.close(at)
        return
    if not names:
        raise Problem('invalid_path')
    at = below(root, names[:-1])
    try:
        clear(names[-1], at)
        if member.issym():
            os.symlink(member.linkname, names[-1], dir_fd=at)
        elif member.islnk():
            linked = parts(member.linkname)
            beside = below(root, linked[:-1])
            try:
                os.link(linked[-1], names[-1], src_dir_fd=beside, dst_dir_fd=at, follow_symlinks=False)
            finally:
                os.close(beside)
        elif member.isreg():
            out = os.open(names[-1], os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=at)
            with os.fdopen(out, 'wb') as file:
                shutil.copyfileobj(tar.extractfile(member), file, 65536)
                os.fchmod(file.fileno(), member.mode & 0o777)
    finally:
        os.close(at)

def tar_write(path):
    os.makedirs(path, exist_ok=True)
    root = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    source = content()
    with tarfile.open(fileobj=source, mode='r|') as tar:
        for member in tar:
            unpack(tar, member, root)
    source.raw.drain()

VERBS = {'read': read, 'write': write, 'list': listing, 'stat': describe, 'mkdir': mkdir, 'remove': remove,
         'move': os.rename, 'tar-read': tar_read, 'tar-write': tar_write}

def fail(problem, text):
    sys.stderr.write(text[:1000])
    sys.stderr.flush()
    os._exit(${FIRST_PROBLEM_CODE} + PROBLEMS.index(problem))

try:
    VERBS[sys.argv[1]](*sys.argv[2:])
    sys.stdout.flush()
except Problem as problem:
    fail(problem.args[0], problem.args[-1])
except tarfile.TarError as error:
    fail('not_supported', str(error))
except shutil.Error as error:
    fail('not_supported', str(error))
except OSError as error:
    fail(OF.get(error.errno, 'not_supported'), error.strerror or str(error))
`;
