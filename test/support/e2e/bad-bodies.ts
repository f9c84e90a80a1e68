import { gzipSync } from 'node:zlib';
import type { SandboxCall } from './stack';

export const CALLS: readonly SandboxCall[] = ['create', 'exec', 'status', 'terminate'];

/** A body that no route can read, whatever the route. */
export interface UnreadableBody {
  readonly name: string;
  readonly body: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: 400 | 413 | 415;
  readonly code: 'invalid_body' | 'body_too_large' | 'unsupported_media_type';
}

const notJson = (name: string, body: string | Buffer): UnreadableBody => ({
  name,
  body: Buffer.from(body),
  status: 400,
  code: 'invalid_body',
});

const type = (value: string): UnreadableBody => ({
  name: `content type ${value}`,
  body: Buffer.from('{}'),
  headers: { 'content-type': value },
  status: 415,
  code: 'unsupported_media_type',
});

/** Bytes in the limit of 262,144. */
const LIMIT = 262_144;

export const UNREADABLE_BODIES: readonly UnreadableBody[] = [
  notJson('cut off', '{"sandbox_id":'),
  notJson('a word', 'sandbox'),
  notJson('a form', 'image=python%3A3.11&timeout=60'),
  notJson('single quotes', "{'image':'python:3.11'}"),
  notJson('a trailing comma', '{"timeout":60,}'),
  notJson('a comment', '{/* none */}'),
  notJson('NaN', '{"timeout":NaN}'),
  notJson('Infinity', '{"cpu":Infinity}'),
  notJson('a number with leading zeros', '{"timeout":0060}'),
  notJson('a hexadecimal number', '{"timeout":0x3c}'),
  notJson('two documents', '{}{}'),
  notJson('a byte order mark and nothing else', '\u{feff}'),
  notJson('UTF-16', Buffer.from('{"timeout":60}', 'utf16le')),
  notJson('invalid UTF-8', Buffer.from('7b22696d616765223a22ff227d', 'hex')),
  notJson('an overlong UTF-8 form', Buffer.from('7b22696d616765223a22c080227d', 'hex')),
  notJson('a surrogate in UTF-8', Buffer.from('7b22696d616765223a22eda080227d', 'hex')),
  notJson('a NUL byte', '{"image":"python:3.11\0"}'),
  notJson('NUL bytes only', '\0\0\0\0'),
  notJson('a line break in a text', '{"image":"python\n"}'),
  notJson('a key __proto__', '{"__proto__":{"timeout":60,"sandbox_id":"sb-1","command":["id"]}}'),
  notJson('an escaped key __proto__', '{"\\u005f_proto__":{"timeout":60}}'),
  notJson('a key constructor.prototype', '{"constructor":{"prototype":{"timeout":60}}}'),
  notJson('a nested key __proto__', '{"command":[{"__proto__":{"length":1}}]}'),
  notJson('10,000 open brackets', '['.repeat(10_000)),
  notJson('33 levels of arrays', `${'['.repeat(33)}${']'.repeat(33)}`),
  notJson('33 levels of objects', `${'{"a":'.repeat(33)}1${'}'.repeat(33)}`),
  notJson('an empty array', '[]'),
  notJson('an array with a good body', '[{"sandbox_id":"sb-1","command":["id"]}]'),
  notJson('null', 'null'),
  notJson('a number', '42'),
  notJson('a text', '"{}"'),
  notJson('true', 'true'),
  notJson('white space', ' \r\n\t '),
  {
    name: 'one byte over the limit',
    body: Buffer.from(JSON.stringify({ a: 'x'.repeat(LIMIT - 7) })),
    status: 413,
    code: 'body_too_large',
  },
  type('text/plain'),
  type('application/x-www-form-urlencoded'),
  type('multipart/form-data; boundary=x'),
  type('application/jsonp'),
  type('application/xml'),
  type('json'),
  type('*/*'),
  {
    name: 'gzip',
    body: gzipSync('{"timeout":60}'),
    headers: { 'content-encoding': 'gzip' },
    status: 400,
    code: 'invalid_body',
  },
];

/** A body that a route can read and must refuse, with the field that its first issue names. */
export interface BadBody {
  readonly call: SandboxCall;
  readonly name: string;
  /** JSON text; the id of the payer's sandbox stands for `$ID`. */
  readonly json: string;
  readonly field: string;
  /** What the message must say. */
  readonly says?: RegExp;
}

const shown = (value: string): string => (value.length > 60 ? `${value.slice(0, 60)}...` : value);

function create(field: string, value: string, says?: RegExp): BadBody {
  const json = `{"${field}":${value}}`;
  return { call: 'create', name: shown(json), json, field, ...(says === undefined ? {} : { says }) };
}

function exec(field: 'command' | 'timeout', value: string, says?: RegExp): BadBody {
  const command = field === 'command' ? value : '["true"]';
  const timeout = field === 'timeout' ? `,"timeout":${value}` : '';
  const json = `{"sandbox_id":"$ID","command":${command}${timeout}}`;
  return { call: 'exec', name: `${field} ${shown(value)}`, json, field, ...(says === undefined ? {} : { says }) };
}

const BAD_IDS = ['""', '1', 'true', 'null', '[]', '["$ID"]', '{"$ID":1}', `"${'x'.repeat(129)}"`];

const byId = (call: Exclude<SandboxCall, 'create'>): BadBody[] => {
  const rest = call === 'exec' ? ',"command":["true"]' : '';
  const bad = (name: string, json: string): BadBody => ({ call, name, json, field: 'sandbox_id' });
  return [
    ...BAD_IDS.map((id) => bad(`sandbox_id ${shown(id)}`, `{"sandbox_id":${id}${rest}}`)),
    bad('no sandbox_id', `{"id":"$ID"${rest}}`),
    bad('sandbox_id in another case', `{"Sandbox_Id":"$ID"${rest}}`),
    bad('an empty object', '{}'),
    bad('no body', ''),
  ];
};

const WRONG_WHOLE = ['"60"', '0', '-1', '1.5', 'null', 'true', '[]', '{}', '1e400', '9007199254740993', '-0.0000001'];

export const BAD_BODIES: readonly BadBody[] = [
  ...WRONG_WHOLE.map((value) => create('timeout', value)),
  create('timeout', '301'),
  ...['"1"', '0', '-1', '1.01', '64', '0.01', 'null', '[1]', '1e400', '1e-400'].map((value) => create('cpu', value)),
  ...['"512"', '0', '63', '1025', '512.5', '-512', 'null', '1e18'].map((value) => create('memory', value)),
  ...[
    '"python:3.12"',
    '"ubuntu"',
    '"PYTHON:3.11"',
    '" python:3.11"',
    '"python:3.11\\u0000"',
    '"docker.io/library/python:3.11"',
    '""',
    '"пайтон"',
  ].map((value) => create('image', value, /python:3\.11/)),
  ...['311', 'null', '["python:3.11"]', '{"toString":"python:3.11"}'].map((value) => create('image', value, /python:3\.11/)),
  ...['"t4"', '"a100"', '"TPU"', '""', '"T4\\u0000"', '"H100:8"', '"__proto__"'].map((value) =>
    create('gpu', value, /Unsupported GPU type\. Allowed: T4, L4, A10G, A100, H100/),
  ),
  create('gpu', '"T4"', /not enabled/),
  ...['1', 'true', '["T4"]', '{"type":"T4"}'].map((value) => create('gpu', value)),
  create('setup_commands', '["pip install numpy"]', /not enabled/),
  ...['"pip install numpy"', '[1]', '{}', 'null', 'true'].map((value) => create('setup_commands', value)),

  ...['"ls -l"', '[]', 'null', '{}', '{"0":"ls","length":1}', '1', 'true'].map((value) => exec('command', value)),
  ...['[1]', '["ls",1]', '[null]', '[["ls"]]', '[{"toString":"ls"}]', '[true]'].map((value) => exec('command', value)),
  exec('command', '[""]', /must name a program/),
  exec('command', '["ls","a\\u0000b"]', /NUL/),
  exec('command', '["ls","\\ud800"]', /well-formed/),
  exec('command', '["ls","\\udc00\\ud800"]', /well-formed/),
  exec('command', JSON.stringify(Array<string>(1_025).fill('a'))),
  exec('command', JSON.stringify(['echo', 'x'.repeat(65_536)]), /at most 65536 bytes/),
  exec('command', JSON.stringify(['echo', 'ü'.repeat(32_768)]), /at most 65536 bytes/),
  ...WRONG_WHOLE.map((value) => exec('timeout', value)),
  exec('timeout', '61'),
  { call: 'exec', name: 'no command', json: '{"sandbox_id":"$ID"}', field: 'command' },
  { call: 'exec', name: 'a command in another key', json: '{"sandbox_id":"$ID","cmd":["ls"]}', field: 'command' },
  ...byId('exec'),
  ...byId('status'),
  ...byId('terminate'),
];

/** Ids that are texts, and that no sandbox of the payer has: not found, whoever asks. */
export const UNKNOWN_IDS: readonly string[] = [
  'sb',
  'sb-',
  'sb-0000000000000000000000',
  '$id',
  '../../etc/passwd',
  "' OR owner IS NOT NULL --",
  'sb-\0',
  '\0',
  '\u{1f4a9}',
  'sb-\ud800',
  'sb-%00',
  '__proto__',
  ' $ID',
  '$ID\n',
  'x'.repeat(128),
];
