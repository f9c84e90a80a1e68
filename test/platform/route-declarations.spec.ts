import { FinanceModule } from '@tollbox/finance/finance.module';
import { HealthModule } from '@tollbox/platform/health/health.module';
import { listRoutes } from '@tollbox/platform/routes/route-inventory';
import { startTestApp, type TestApp } from './support/test-app';

describe('the inventory of routes', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startTestApp({ imports: [FinanceModule, HealthModule.forRoot()] });
  });
  afterAll(() => test.close());

  it('knows every route that the HTTP server serves, so that none escapes its declaration', () => {
    const { routeTable } = test.app.getHttpAdapter().getInstance();
    const served = routeTable
      .list()
      .filter(({ method }) => method !== 'HEAD')
      .map(({ method, path }) => `${method} ${path}`);
    const known = listRoutes(test.app).map(({ method, path }) => `${method} ${path}`);
    expect(known.length).toBeGreaterThan(6);
    expect(known.sort()).toEqual(served.sort());
    expect(known).toEqual(
      expect.arrayContaining(['GET /health', 'GET /health/ready', 'GET /finance/payments/:id', 'POST /admin/drain']),
    );
  });

  it('finds what each route declares', () => {
    expect(listRoutes(test.app).filter(({ declaration }) => declaration === undefined)).toEqual([]);
  });
});
