import { z, type ZodType } from 'zod';
import type { Operation, OperationRegistry } from '../operations/operation';
import type { FreeRoute, OwnerRoute, PricedRoute, RouteDeclaration, StaffRoute } from '../routes/access.decorators';
import type { InventoryRoute } from '../routes/route-inventory';
import { errorCodesOf, errorCodesOfOperation, errorExamples, errorResponses } from './openapi-errors';
import {
  contentDigestHeader,
  errorSchema,
  paymentHeaders,
  paymentRequiredResponse,
  receiptHeaders,
  type Json,
} from './openapi-parts';
import type { PriceStatement } from './price-statement';
import { sampleOf } from './sample';

/** A JSON Schema or a part of an OpenAPI document. */
export interface OpenApiInput {
  readonly routes: readonly InventoryRoute[];
  readonly operations: OperationRegistry;
  /** What an operation costs. */
  readonly priceOf: (operation: string) => PriceStatement;
  readonly baseUrl: string;
  readonly version: string;
}

/** JSON Schema of what is sent (`input`) or answered (`output`). What JSON Schema cannot say becomes the empty schema. */
export function jsonSchema(schema: ZodType, io: 'input' | 'output'): Json {
  const converted: Json = { ...z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-2020-12' }) };
  delete converted['$schema']; // the document names the dialect once, by its OpenAPI version
  return converted;
}

const toOpenApiPath = (path: string): string => path.replace(/:([A-Za-z0-9_]+)/g, '{$1}');

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/:([A-Za-z0-9_]+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(schema: Json): Json[] {
  const { properties = {}, required = [] } = schema as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property;
    return {
      name,
      in: 'query',
      required: required.includes(name),
      schema: rest,
      ...(sampleOf(property, name) === null ? {} : { example: sampleOf(property, name) }),
      ...(description === undefined ? {} : { description }),
    };
  });
}

/** Content with its schema and, for JSON, a value as one would meet it. */
function jsonContent(schema: Json, mediaType = 'application/json'): Json {
  const isDescribed = mediaType === 'application/json' && Object.keys(schema).length > 0;
  return { [mediaType]: { schema, ...(isDescribed ? { example: sampleOf(schema) } : {}) } };
}

/** A part of a schema of an object: the fields for which `isWanted` holds. */
function fieldsOf(schema: Json, isWanted: (name: string) => boolean): Json {
  const { properties, required = [] } = schema as { properties?: Record<string, Json>; required?: string[] };
  if (properties === undefined) return schema;
  const wanted = Object.fromEntries(Object.entries(properties).filter(([name]) => isWanted(name)));
  return { ...schema, properties: wanted, ...(required.length === 0 ? {} : { required: required.filter(isWanted) }) };
}

const BINARY: Json = { type: 'string', format: 'binary' };

function requestBody(schema: Json, { upload }: Operation): Json {
  if (upload !== undefined)
    return {
      requestBody: { required: true, content: Object.fromEntries(upload.mediaTypes.map((type) => [type, { schema: BINARY }])) },
    };
  const { properties } = schema as { properties?: Json };
  return properties !== undefined && Object.keys(properties).length === 0
    ? {}
    : { requestBody: { required: true, content: jsonContent(schema) } };
}

function answerContent({ status, answerMediaType, answer }: Operation): Json {
  if (status === 204) return {};
  if (answerMediaType !== undefined) return { content: { [answerMediaType]: { schema: BINARY } } };
  return { content: jsonContent(jsonSchema(answer, 'output')) };
}

function pricedOperation(
  { path, status, declaration }: InventoryRoute & { declaration: PricedRoute },
  input: OpenApiInput,
): Json {
  const operation = input.operations.get(declaration.operation);
  const schema = jsonSchema(operation.body, 'input');
  const query = declaration.query ?? [];
  const elsewhere = new Set([...query, ...[...path.matchAll(/:([A-Za-z0-9_]+)/g)].map(([, name]) => name)]);
  const bodySchema = fieldsOf(schema, (name) => !elsewhere.has(name));
  const price = input.priceOf(declaration.operation);
  const onCredit = operation.onChainOnly !== true;
  const { '402': refusals, ...errors } = errorResponses(errorCodesOfOperation(operation));
  return {
    tags: ['agents'],
    description: `Costs ${price.short} in USDC${price.rule === '' ? '' : ` (${price.rule})`}, paid with x402 (v1 or v2)${onCredit ? ' or from prepaid credits' : ''}. The body is validated before anything is charged.`,
    parameters: [
      ...pathParameters(path),
      ...queryParameters(fieldsOf(schema, (name) => query.includes(name))),
      ...paymentHeaders(),
      ...(operation.upload === undefined ? [] : [contentDigestHeader()]),
    ],
    security: [{ x402v2: [] }, { x402v1: [] }, ...(onCredit ? [{ creditToken: [] }] : [])],
    'x-price-atomic': price.leastAtomic.toString(),
    ...requestBody(bodySchema, operation),
    responses: {
      [status]: {
        description: 'Done and paid',
        headers: receiptHeaders(),
        ...answerContent(operation),
      },
      ...errors,
      ...(refusals === undefined ? {} : { '402': paymentRequiredResponse(refusals) }),
    },
  };
}

function freeOperation(declaration: FreeRoute, { path, status }: InventoryRoute): Json {
  const { mediaType = 'application/json', otherStatus } = declaration;
  const schema = declaration.answer === undefined ? {} : jsonSchema(declaration.answer, 'output');
  return {
    tags: ['free'],
    security: [],
    responses: {
      [status]: { description: 'OK', content: jsonContent(schema, mediaType) },
      ...(otherStatus === undefined
        ? {}
        : { [otherStatus]: { description: 'The same, where it is not', content: jsonContent(schema, mediaType) } }),
      ...errorResponses(errorCodesOf(declaration, path)),
    },
  };
}

function staffOperation(declaration: StaffRoute, { path, status }: InventoryRoute): Json {
  return {
    tags: ['staff'],
    description: `For staff keys with the role ${declaration.roles.join(' or ')}.`,
    security: [{ staffKey: [] }],
    'x-roles': declaration.roles,
    ...(declaration.body === undefined ? {} : { requestBody: { content: jsonContent(jsonSchema(declaration.body, 'input')) } }),
    responses: {
      [status]: {
        description: 'OK',
        content: jsonContent(
          declaration.answer === undefined ? {} : jsonSchema(declaration.answer, 'output'),
          declaration.mediaType,
        ),
      },
      ...errorResponses(errorCodesOf(declaration, path)),
    },
  };
}

function ownerOperation(declaration: OwnerRoute, { path, status }: InventoryRoute): Json {
  return {
    tags: ['owners'],
    description: 'Free, for the wallet that owns what it shows: with SIGN-IN-WITH-X, or with a credit token of the wallet.',
    security: [{ signInWithX: [] }, { creditToken: [] }],
    ...(declaration.body === undefined ? {} : { requestBody: { content: jsonContent(jsonSchema(declaration.body, 'input')) } }),
    responses: {
      [status]: {
        description: 'OK',
        content: jsonContent(declaration.answer === undefined ? {} : jsonSchema(declaration.answer, 'output')),
      },
      ...errorResponses(errorCodesOf(declaration, path)),
    },
  };
}

function operationOf(route: InventoryRoute, declaration: RouteDeclaration, input: OpenApiInput): Json {
  const query = 'query' in declaration && declaration.kind !== 'priced' ? declaration.query : undefined;
  const parameters = [...pathParameters(route.path), ...queryParameters(query === undefined ? {} : jsonSchema(query, 'input'))];
  const base = {
    operationId: `${route.handler}:${route.path}`.replace(/[^A-Za-z0-9]+/g, '_'),
    summary: declaration.summary,
    parameters,
  };
  switch (declaration.kind) {
    case 'priced':
      return { ...base, ...pricedOperation({ ...route, declaration }, input) };
    case 'free':
      return { ...base, ...freeOperation(declaration, route) };
    case 'staff':
      return { ...base, ...staffOperation(declaration, route) };
    case 'owner':
      return { ...base, ...ownerOperation(declaration, route) };
  }
}

/** The OpenAPI 3.1 document of the routes that declare something. */
export function buildOpenApi(input: OpenApiInput): Json {
  const paths: Record<string, Json> = {};
  for (const route of input.routes) {
    if (route.declaration === undefined) continue;
    const path = toOpenApiPath(route.path);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, route.declaration, input) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tollbox',
      version: input.version,
      description:
        'Isolated code-execution sandboxes for AI agents, paid per call in USDC over x402. See /llms.txt for a walk-through.',
    },
    servers: [{ url: input.baseUrl }],
    tags: [
      { name: 'agents', description: 'Paid calls. No account, no key.' },
      { name: 'owners', description: 'Free calls for the wallet that owns what they show.' },
      { name: 'free', description: 'Free calls.' },
      { name: 'staff', description: 'Operators and finance.' },
    ],
    paths,
    components: {
      schemas: { Error: errorSchema() },
      examples: errorExamples(),
      securitySchemes: {
        x402v2: { type: 'apiKey', in: 'header', name: 'PAYMENT-SIGNATURE', description: 'base64(JSON) of an x402 v2 payload.' },
        x402v1: { type: 'apiKey', in: 'header', name: 'X-PAYMENT', description: 'base64(JSON) of an x402 v1 payload.' },
        signInWithX: {
          type: 'apiKey',
          in: 'header',
          name: 'SIGN-IN-WITH-X',
          description: 'base64(JSON) of a proof of the x402 extension `sign-in-with-x`; the 401 has the challenge to sign.',
        },
        creditToken: { type: 'http', scheme: 'bearer', description: 'A token of prepaid credits, `tbc_...`.' },
        staffKey: { type: 'http', scheme: 'bearer', description: 'A staff key; operators create them with `npm run keys`.' },
      },
    },
  };
}
