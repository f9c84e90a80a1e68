/** What OpenAPI 3.1 and JSON Schema 2020-12 demand of a document's structure, as far as this API uses them. */

type Node = Record<string, unknown>;
type Complain = (where: string, what: string) => void;

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const OPERATION_KEYS = [
  'tags',
  'summary',
  'description',
  'operationId',
  'parameters',
  'requestBody',
  'responses',
  'deprecated',
  'security',
  'servers',
];
const TYPES = ['null', 'boolean', 'object', 'array', 'number', 'string', 'integer'];
const SCHEMA_KEYS = [
  ...['$ref', 'type', 'enum', 'const', 'default', 'description', 'title', 'format', 'examples', 'deprecated', 'readOnly'],
  ...['properties', 'required', 'additionalProperties', 'propertyNames', 'minProperties', 'maxProperties'],
  ...['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems', 'allOf', 'anyOf', 'oneOf', 'not'],
  ...[
    'minLength',
    'maxLength',
    'pattern',
    'minimum',
    'maximum',
    'exclusiveMinimum',
    'exclusiveMaximum',
    'multipleOf',
    'contentEncoding',
  ],
];
const BOUNDS = [
  ['minLength', 'maxLength'],
  ['minItems', 'maxItems'],
  ['minimum', 'maximum'],
] as const;

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);
const entries = (value: unknown): [string, unknown][] => (isNode(value) ? Object.entries(value) : []);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';

/** The node that a local reference names, or undefined. */
export function resolve(document: unknown, reference: string): unknown {
  if (!reference.startsWith('#/')) return undefined;
  const keys = reference
    .slice(2)
    .split('/')
    .map((key) => decodeURIComponent(key).replaceAll('~1', '/').replaceAll('~0', '~'));
  return keys.reduce<unknown>((node, key) => (isNode(node) && Object.hasOwn(node, key) ? node[key] : undefined), document);
}

function checkSchema(schema: unknown, where: string, document: Node, complain: Complain): void {
  if (typeof schema === 'boolean') return;
  if (!isNode(schema)) return complain(where, 'is no schema');
  const recurse = (inner: unknown, at: string): void => checkSchema(inner, `${where}/${at}`, document, complain);
  for (const key of Object.keys(schema))
    if (!SCHEMA_KEYS.includes(key) && !key.startsWith('x-')) complain(where, `has the unknown keyword ${key}`);
  if (schema['$ref'] !== undefined && !isNode(resolve(document, shown(schema['$ref']))))
    complain(where, `refers to nothing: ${shown(schema['$ref'])}`);
  for (const type of [schema['type'] ?? []].flat())
    if (!TYPES.includes(shown(type))) complain(where, `has the unknown type ${shown(type)}`);
  if (schema['enum'] !== undefined && list(schema['enum']).length === 0) complain(where, 'has an empty enum');
  for (const [low, high] of BOUNDS) if (Number(schema[low]) > Number(schema[high])) complain(where, `has ${low} over ${high}`);
  for (const name of list(schema['required']))
    if (!Object.hasOwn(schema['properties'] ?? {}, String(name)))
      complain(where, `requires ${String(name)}, which it does not have`);
  if (typeof schema['pattern'] === 'string') new RegExp(schema['pattern'], 'u'); // throws when it is none
  for (const [name, property] of entries(schema['properties'])) recurse(property, `properties/${name}`);
  for (const key of ['items', 'additionalProperties', 'propertyNames', 'not'])
    if (schema[key] !== undefined) recurse(schema[key], key);
  for (const key of ['allOf', 'anyOf', 'oneOf', 'prefixItems'])
    list(schema[key]).forEach((inner, index) => recurse(inner, `${key}/${index}`));
}

function checkContent(content: unknown, where: string, document: Node, complain: Complain): void {
  const types = entries(content);
  if (types.length === 0) complain(where, 'has no content');
  for (const [type, media] of types) {
    if (!/^[a-z]+\/[a-z0-9.+-]+$/.test(type)) complain(where, `has the media type ${type}`);
    if (!isNode(media)) complain(where, `${type} is no media type object`);
    else checkSchema(media['schema'], `${where}/${type}`, document, complain);
  }
}

function checkParameters(operation: Node, path: string, where: string, document: Node, complain: Complain): void {
  const seen = new Set<string>();
  for (const parameter of list(operation['parameters'])) {
    const {
      name,
      in: place,
      required,
      schema,
    } = (isNode(parameter) ? parameter : {}) as Record<'name' | 'in' | 'required' | 'schema', unknown>;
    const id = `${String(place)} ${String(name)}`;
    if (!isText(name) || !['path', 'query', 'header', 'cookie'].includes(String(place)))
      complain(where, `has the parameter ${id}`);
    if (seen.has(id)) complain(where, `has the parameter ${id} twice`);
    seen.add(id);
    if (place === 'path' && (required !== true || !path.includes(`{${String(name)}}`)))
      complain(where, `has a path parameter that is not in its path: ${id}`);
    if (place === 'header' && /^(accept|content-type|authorization)$/i.test(String(name)))
      complain(where, `must not name the header ${String(name)}`);
    checkSchema(schema, `${where}/${id}`, document, complain);
  }
  for (const [, name] of path.matchAll(/\{([^}]+)\}/g))
    if (!seen.has(`path ${name!}`)) complain(where, `does not describe {${name!}}`);
}

function checkResponses(responses: unknown, where: string, document: Node, complain: Complain): void {
  if (entries(responses).length === 0) complain(where, 'answers nothing');
  for (const [status, response] of entries(responses)) {
    const at = `${where} ${status}`;
    if (!/^([1-5][0-9]{2}|[1-5]XX|default)$/.test(status)) complain(at, 'is no status');
    if (!isNode(response)) return complain(at, 'is no response');
    if (!isText(response['description'])) complain(at, 'has no description');
    if (response['content'] !== undefined) checkContent(response['content'], at, document, complain);
    for (const [name, header] of entries(response['headers']))
      checkSchema(isNode(header) ? header['schema'] : undefined, `${at}/${name}`, document, complain);
  }
}

function checkOperation(operation: Node, method: string, path: string, document: Node, complain: Complain): void {
  const where = `${method.toUpperCase()} ${path}`;
  for (const key of Object.keys(operation))
    if (!OPERATION_KEYS.includes(key) && !key.startsWith('x-')) complain(where, `has the unknown key ${key}`);
  if (!isText(operation['summary'])) complain(where, 'has no summary');
  if (!/^[A-Za-z0-9_.-]+$/.test(String(operation['operationId']))) complain(where, 'has no usable operationId');
  const tags = list(document['tags']).map((tag) => (tag as Node)['name']);
  for (const tag of list(operation['tags'])) if (!tags.includes(tag)) complain(where, `has the unknown tag ${String(tag)}`);
  const schemes = entries(resolve(document, '#/components/securitySchemes')).map(([name]) => name);
  for (const requirement of list(operation['security']))
    for (const [name, scopes] of entries(requirement))
      if (!schemes.includes(name) || !Array.isArray(scopes)) complain(where, `has the unknown security ${name}`);
  if (operation['requestBody'] !== undefined) {
    if (['get', 'head'].includes(method)) complain(where, 'has a body');
    checkContent((operation['requestBody'] as Node)['content'], `${where} body`, document, complain);
  }
  checkParameters(operation, path, where, document, complain);
  checkResponses(operation['responses'], where, document, complain);
}

function checkRoot(document: Node, complain: Complain): void {
  if (!/^3\.1\.\d+$/.test(String(document['openapi']))) complain('openapi', `is ${String(document['openapi'])}`);
  const info = document['info'] as Node | undefined;
  if (!isText(info?.['title']) || !isText(info['version'])) complain('info', 'has no title or no version');
  for (const server of list(document['servers']))
    if (!URL.canParse(String((server as Node)['url']))) complain('servers', 'has no URL');
  for (const [name, scheme] of entries(resolve(document, '#/components/securitySchemes'))) {
    const { type, in: place, name: header, scheme: http } = scheme as Record<'type' | 'in' | 'name' | 'scheme', unknown>;
    const valid = (type === 'apiKey' && place === 'header' && isText(header)) || (type === 'http' && isText(http));
    if (!valid) complain(`securitySchemes/${name}`, 'is no security scheme');
  }
  for (const [name, schema] of entries(resolve(document, '#/components/schemas')))
    checkSchema(schema, `schemas/${name}`, document, complain);
}

/** What is wrong with an OpenAPI 3.1 document; empty when nothing is. */
export function openApiProblems(document: unknown): string[] {
  const problems: string[] = [];
  const complain: Complain = (where, what) => problems.push(`${where} ${what}`);
  if (!isNode(document)) return ['is no object'];
  checkRoot(document, complain);
  const ids: unknown[] = [];
  for (const [path, item] of entries(document['paths'])) {
    if (!path.startsWith('/') || path.includes(':')) complain(path, 'is no path');
    for (const [method, operation] of entries(item)) {
      if (!METHODS.includes(method) || !isNode(operation)) complain(path, `has ${method}`);
      else {
        ids.push(operation['operationId']);
        checkOperation(operation, method, path, document, complain);
      }
    }
  }
  if (ids.length === 0) complain('paths', 'are none');
  for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) complain(String(id), 'is an operationId twice');
  return problems;
}
