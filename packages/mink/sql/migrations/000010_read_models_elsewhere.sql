-- min_compatible_code: 1
--
-- Read models may be kept here for the log of another store.

-- Their checkpoints are worth something for that log only.
alter table :schema.meta add column follows uuid;

comment on column :schema.meta.follows is
  'The store whose log the read models of this schema follow; null: that of this schema.';
