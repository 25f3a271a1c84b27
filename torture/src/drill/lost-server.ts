import { Scene, type DrillContext, type Outcome } from './scene.ts';

/** Every process of the server is killed at once, and it starts again on what was on its disk. */
export async function serverLost(context: DrillContext): Promise<Outcome> {
  await using scene = await Scene.open(context);
  await scene.work();
  const happened = Date.now();
  await scene.primary.kill();
  const noticed = await scene.service.said('failing', happened);
  const began = Date.now();
  await scene.primary.restart();
  const recovered = await scene.service.said('working', began);
  await scene.work();
  return { noticed: noticed - happened, recovered: recovered - began, ...(await scene.settle(scene.url)) };
}
