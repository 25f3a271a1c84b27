import { describe, expect, it } from 'vitest';
import { startService } from './support/order-client.ts';

const SCRIPT = `<script>alert("x")</script>`;

/** A browser: it follows redirects with the cookie that it was given. */
function browse(app: ReturnType<typeof startService>['app']) {
  let cookie = '';
  const open = async (path: string, form?: Record<string, string>): Promise<{ status: number; html: string }> => {
    const init = form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) };
    const response = await app.request(path, { ...init, headers: { cookie } });
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie;
    if (response.status === 303) return open(response.headers.get('location') ?? '');
    return { status: response.status, html: await response.text() };
  };
  return { open, setCookie: (value: string) => (cookie = value) };
}

describe('the page', () => {
  it('shows what was just written, each time', async () => {
    const { app, startEngine } = startService();
    await startEngine();
    const { open } = browse(app);
    for (let number = 1; number <= 20; number += 1) {
      const { status, html } = await open('/page/orders', { key: `k-${number}`, customerId: `ada-${number}` });
      expect(status).toBe(200);
      expect(html).toContain(`>ada-${number}</a>`);
    }
    const { html } = await open('/');
    const [, action = ''] = /action="(\/page\/orders\/[^"]+\/items)"/u.exec(html) ?? [];
    const added = await open(action, { key: 'k-item', sku: 'SKU-1', quantity: '3', price: '14.50' });
    expect(added.html).toContain('<td>43.50</td>');
  });

  it('places one order, however often its form is sent', async () => {
    const { app, startEngine } = startService();
    await startEngine();
    const { open } = browse(app);
    const form = { key: 'k-1', customerId: 'ada', reference: 'PO-17' };
    await open('/page/orders', form);
    const { html } = await open('/page/orders', form);
    expect(html.match(/>ada<\/a>/gu)).toHaveLength(1);
  });

  it('escapes what others have written, and lets no script run', async () => {
    const { app, startEngine, send } = startService();
    await startEngine();
    const { open } = browse(app);
    const { html } = await open('/page/orders', { key: 'k-1', customerId: SCRIPT });
    expect(html).not.toContain('<script');
    expect(html).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;');
    const { headers } = await send('GET', '/');
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'/u);
  });

  it('says what is wrong with a form', async () => {
    const { app, startEngine } = startService();
    await startEngine();
    const { open } = browse(app);
    const { status, html } = await open('/page/orders', { key: 'k-1', customerId: '' });
    expect(status).toBe(422);
    expect(html).toMatch(/<p role="status">customerId: /u);
  });

  it('shows a list that is late, and says so', async () => {
    const { app, startEngine } = startService();
    const engine = await startEngine();
    const { open } = browse(app);
    await open('/page/orders', { key: 'k-1', customerId: 'ada' });
    await engine.pause({ name: 'order-list', version: 1 });
    const { status, html } = await open('/page/orders', { key: 'k-2', customerId: 'bob' });
    expect(status).toBe(200);
    expect(html).toContain('This list is late, and your change is not in it yet.');
    expect(html).toContain('&quot;order-list&quot; is paused. Events behind: 1.');
    expect(html).toContain('>ada</a>');
    await engine.resume({ name: 'order-list', version: 1 });
    expect((await open('/')).html).toContain('>bob</a>');
  });

  it('does not mind the cookie of another service on this machine', async () => {
    const { headers } = await startService().post('/orders', { id: '42', customerId: 'ada' });
    const { app, startEngine } = startService();
    await startEngine();
    const { open, setCookie } = browse(app);
    setCookie(`mink-token=${headers.get('mink-token')}`);
    const { status, html } = await open('/');
    expect(status).toBe(200);
    expect(html).not.toContain('role="status"');
  });
});
