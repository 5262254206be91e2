//! The message of a unit as a plan: a table in memory with one row and one column.

use std::any::Any;
use std::sync::Arc;

use datafusion::arrow::array::{Array as _, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_plan::ExecutionPlan;

/// The plan that contains a message.
///
/// # Errors
/// Never, in effect: the table has the form that its schema says.
pub(super) fn plan_of(message: &str) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = Arc::new(Schema::new(vec![Field::new("message", DataType::Utf8, false)]));
    let column = Arc::new(StringArray::from(vec![message]));
    let batch = RecordBatch::try_new(schema.clone(), vec![column])?;
    Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], schema, None)?)
}

/// The message that a plan contains. Ballista wraps the table in a writer.
///
/// # Errors
/// If the plan is another one.
pub(super) fn message_of(plan: &Arc<dyn ExecutionPlan>) -> Result<String> {
    if let Some(message) = text_of(plan) {
        return Ok(message);
    }
    match plan.children().as_slice() {
        [child] => message_of(child),
        _ => Err(DataFusionError::Plan("the plan contains no unit of work".to_owned())),
    }
}

fn text_of(plan: &Arc<dyn ExecutionPlan>) -> Option<String> {
    let source: &dyn Any = plan.downcast_ref::<DataSourceExec>()?.data_source().as_ref();
    let batch = source.downcast_ref::<MemorySourceConfig>()?.partitions().first()?.first()?;
    let column = batch.columns().first()?.as_any().downcast_ref::<StringArray>()?;
    (column.len() == 1).then(|| column.value(0).to_owned())
}

#[cfg(test)]
mod tests {
    use datafusion::execution::TaskContext;
    use datafusion_proto::physical_plan::{AsExecutionPlan as _, DefaultPhysicalExtensionCodec};
    use datafusion_proto::protobuf::PhysicalPlanNode;

    use super::*;

    /// Catches: a message is changed or lost on its way to an executor.
    #[test]
    fn a_message_survives_the_way() {
        let message = "{\"path\": \"Ünïcode \\\" and spaces\"}".repeat(1000);
        let plan = plan_of(&message).unwrap();
        let codec = DefaultPhysicalExtensionCodec {};
        let sent = PhysicalPlanNode::try_from_physical_plan(plan, &codec).unwrap();
        let context = TaskContext::default();
        let arrived = sent.try_into_physical_plan(&context, &codec).unwrap();
        assert_eq!(message_of(&arrived).unwrap(), message);
    }
}
