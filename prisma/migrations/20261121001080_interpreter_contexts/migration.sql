-- A context of a sandbox's Python interpreter: its process, and the cell that holds it now.
CREATE TABLE "interpreter_contexts" (
    "sandbox_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "process_id" TEXT,
    "operation_id" UUID,
    "held_until" TIMESTAMPTZ(3),
    "cells" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_cell_at" TIMESTAMPTZ(3),

    CONSTRAINT "interpreter_contexts_pkey" PRIMARY KEY ("sandbox_id","name")
);

-- CreateIndex
CREATE UNIQUE INDEX "interpreter_contexts_operation_id_key" ON "interpreter_contexts"("operation_id");

-- AddForeignKey
ALTER TABLE "interpreter_contexts" ADD CONSTRAINT "interpreter_contexts_sandbox_id_fkey" FOREIGN KEY ("sandbox_id") REFERENCES "sandboxes"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE interpreter_contexts
  ADD CONSTRAINT interpreter_contexts_held CHECK ((operation_id IS NULL) = (held_until IS NULL)),
  ADD CONSTRAINT interpreter_contexts_cells CHECK (cells >= 0);

SELECT grant_application_rights();
