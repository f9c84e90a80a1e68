import { RouteTable } from './route-table';

describe('the route table', () => {
  const table = new RouteTable();
  table.add('GET', '/admin/sandboxes/:id');
  table.add('POST', '/admin/sandboxes/:id/terminate');
  table.add('GET', '/v1.0/a+b');
  table.add('GET', '/files/*');

  it.each([
    ['/admin/sandboxes/sb-1', ['GET']],
    ['/admin/sandboxes/sb-1/terminate', ['POST']],
    ['/admin/sandboxes/', []],
    ['/admin/sandboxes', []],
    ['/v1.0/a+b', ['GET']],
    ['/v1x0/aab', []],
    ['/files/a/b', ['GET']],
  ])('knows the methods of %s', (path, methods) => {
    expect(table.methodsOf(path)).toEqual(methods);
  });
});
