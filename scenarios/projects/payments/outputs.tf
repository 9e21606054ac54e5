output "ledger_table" {
  value = aws_dynamodb_table.ledger.name
}

output "settlement_queue" {
  value = module.settlement.url
}
