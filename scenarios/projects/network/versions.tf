terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.60"
    }
  }
}

provider "aws" {
  region = "eu-west-1"

  default_tags {
    tags = local.tags
  }
}

provider "aws" {
  alias  = "frankfurt"
  region = "eu-central-1"

  default_tags {
    tags = local.tags
  }
}

provider "aws" {
  alias  = "virginia"
  region = "us-east-1"
}

# The spoke belongs to another account.
provider "aws" {
  alias  = "spoke"
  region = "eu-west-1"

  assume_role {
    role_arn     = "arn:aws:iam::210987654321:role/network-deploy"
    session_name = "network-apply"
  }
}
