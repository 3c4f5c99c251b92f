import * as z from 'zod';

/** A route of an API, for its description. */
export interface ApiOperation {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly request?: z.ZodType;
  readonly response: z.ZodType;
  readonly failure: z.ZodType;
}

const failures = {
  400: 'A wrong request',
  401: 'No API key',
  403: 'A wrong API key',
  413: 'Too large',
  429: 'Too many requests',
  500: 'The server failed',
  503: 'Too busy; see Retry-After',
  504: 'Took too long',
};

/** The description of the APIs in OpenAPI 3.1, whose schemas are JSON Schema 2020-12. */
export function openApiDocument(operations: readonly ApiOperation[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const { method, path, summary, query, request, response, failure } of operations) {
    const wrong = { content: content(failure, 'output') };
    paths[path] = {
      ...paths[path],
      [method]: {
        summary,
        operationId: `${method}${path.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
        ...(query !== undefined && { parameters: parametersOf(query) }),
        ...(request !== undefined && { requestBody: { required: true, content: content(request, 'input') } }),
        responses: {
          200: { description: 'The answer', content: content(response, 'output') },
          ...Object.fromEntries(Object.entries(failures).map(([status, description]) => [status, { description, ...wrong }])),
        },
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'decade',
      version,
      description: 'Translation and text generation with models of your own.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{}, { bearer: [] }],
    paths,
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  };
}

function parametersOf(query: z.ZodObject): object[] {
  return Object.entries(query.shape).map(([name, schema]) => ({ name, in: 'query', schema: jsonSchema(schema as z.ZodType, 'input') }));
}

function content(schema: z.ZodType, io: 'input' | 'output'): object {
  return { 'application/json': { schema: jsonSchema(schema, io) } };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return json;
}
