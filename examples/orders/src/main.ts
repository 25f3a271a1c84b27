import { runService } from './process/run-service.ts';
import { orderList } from './projections/order-list.ts';

await runService([orderList]);
