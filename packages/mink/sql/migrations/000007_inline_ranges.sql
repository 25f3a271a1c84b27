-- min_compatible_code: 1
--
-- Where a projection was inline, its digests count nothing: there, events and rows were stored by one transaction.

alter table :schema.projections add column inline_ranges int8multirange not null default '{}';

comment on column :schema.projections.inline_ranges is
  'Positions of events that appends applied themselves, in the times when it was inline; since it was last filled from the beginning.';
