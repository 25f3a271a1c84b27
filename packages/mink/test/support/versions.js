// A projection in an old and a new version: how many events each cart has had, and of the new one their sum.
import { column, defineEvents, defineProjection, documents, payload } from 'mink';

export const cartEvents = defineEvents({ Numbered: payload() });

export const countV1 = defineProjection({
  name: 'cart-count',
  events: { Cart: cartEvents },
  readModel: documents(),
}).on({ Numbered: (cart) => ({ count: (cart?.count ?? 0) + 1 }) });

export const countV2 = defineProjection({
  name: 'cart-count',
  version: 2,
  events: { Cart: cartEvents },
  readModel: documents({ fields: { total: column.integer() } }),
}).on({
  Numbered: (cart, { data }) => ({ count: (cart?.count ?? 0) + 1, total: (cart?.total ?? 0) + data.n }),
});
