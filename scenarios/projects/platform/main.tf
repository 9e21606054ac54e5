locals {
  name = "platform"
  tags = { Project = "platform", ManagedBy = "terraform", Tier = "runtime" }
}

resource "aws_ecr_repository" "image" {
  for_each             = var.images
  name                 = "${local.name}/${each.key}"
  image_tag_mutability = each.value.mutable ? "MUTABLE" : "IMMUTABLE"
  tags                 = merge(local.tags, { Image = each.key })

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "image" {
  for_each   = var.images
  repository = aws_ecr_repository.image[each.key].name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Keep the last ${each.value.keep}"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = each.value.keep }
      action       = { type = "expire" }
    }]
  })
}

resource "aws_ecs_cluster" "main" {
  name = local.name
  tags = local.tags

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "task" {
  for_each                 = var.tasks
  family                   = "${local.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.task.arn
  tags                     = local.tags
  container_definitions = jsonencode([{
    name      = each.key
    image     = "${aws_ecr_repository.image[each.value.image].repository_url}:stable"
    essential = true
    cpu       = each.value.cpu
    memory    = each.value.memory
  }])
}

resource "aws_iam_role" "task" {
  name = "${local.name}-task"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = ["ecs-tasks.amazonaws.com", "codebuild.amazonaws.com"] }
    }]
  })
  tags = local.tags
}

resource "aws_cloudwatch_log_group" "task" {
  for_each          = var.tasks
  name              = "/ecs/${local.name}/${each.key}"
  retention_in_days = 60
  tags              = local.tags
}

resource "aws_efs_file_system" "shared" {
  creation_token  = local.name
  encrypted       = true
  throughput_mode = "bursting"
  tags            = merge(local.tags, { Name = "${local.name}-shared" })
}

resource "aws_vpc" "main" {
  cidr_block = "10.70.0.0/16"
  tags       = merge(local.tags, { Name = local.name })
}

resource "aws_subnet" "worker" {
  count             = 2
  vpc_id            = aws_vpc.main.id
  availability_zone = "eu-north-1${count.index == 0 ? "a" : "b"}"
  cidr_block        = cidrsubnet(aws_vpc.main.cidr_block, 8, count.index)
  tags              = merge(local.tags, { Name = "${local.name}-${count.index}" })
}

resource "aws_launch_template" "worker" {
  name          = "${local.name}-worker"
  image_id      = "ami-12c6146b"
  instance_type = var.workers.type
}

resource "aws_autoscaling_group" "worker" {
  name                = "${local.name}-worker"
  min_size            = var.workers.min
  max_size            = var.workers.max
  desired_capacity    = var.workers.desired
  vpc_zone_identifier = aws_subnet.worker[*].id

  launch_template {
    id      = aws_launch_template.worker.id
    version = "$Default"
  }

  tag {
    key                 = "Project"
    value               = "platform"
    propagate_at_launch = true
  }
}

resource "aws_codebuild_project" "image" {
  for_each      = { for name, image in var.images : name => image if !image.mutable }
  name          = "${local.name}-${each.key}"
  service_role  = aws_iam_role.task.arn
  build_timeout = 30
  tags          = local.tags

  artifacts {
    type = "NO_ARTIFACTS"
  }

  environment {
    compute_type = "BUILD_GENERAL1_SMALL"
    image        = "aws/codebuild/standard:7.0"
    type         = "LINUX_CONTAINER"
  }

  source {
    type     = "GITHUB"
    location = "https://github.com/acme/${each.key}.git"
  }
}

resource "aws_kms_key" "artifacts" {
  description             = "Build artefacts"
  deletion_window_in_days = 14
  enable_key_rotation     = true
  tags                    = local.tags
}
