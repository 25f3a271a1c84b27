import { runService } from '../process/run-service.ts';
import { orderList } from '../projections/order-list.ts';
import { orderListWithPieces } from './order-list-2.ts';

// The next release of the service: it has the code of both versions, and reads the one that is live.
await runService([orderList, orderListWithPieces]);
